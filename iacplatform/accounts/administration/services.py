"""Organizations, their members, teams and tokens: what owners and superusers change."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from iacplatform.accounts.models import APIToken, Membership, Organization, Team, User
from iacplatform.accounts.organizations import hold_organization
from iacplatform.accounts.services import create_api_token
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput, NotFound

NAME_TAKEN = "another organization has this name"
TEAM_TAKEN = "another team of the organization has this name"
IS_MEMBER = "is a member already"


class LastOwner(Conflict):
    """Somebody has to be able to let others in."""

    code = "last_owner"


def create_organization(*, name: str, display_name: str = "") -> Organization:
    """Creates an organization without members; raises ``Conflict`` for a name that is taken."""
    with taken("accounts_organization_name_key", "name", NAME_TAKEN):
        return Organization.objects.create(name=name, display_name=display_name)


def update_organization(organization: Organization, *, display_name: str) -> None:
    """Changes what an organization is called; its name, which is in addresses, stays."""
    organization.display_name = display_name
    organization.save(update_fields=["display_name"])


def person(username: str) -> User:
    """The active person of this name; raises ``InvalidInput``."""
    people = User.objects.filter(username=username, is_service=False, is_active=True)
    if (found := people.first()) is None:
        raise InvalidInput("username", f"there is no user {username}")
    return found


def add_member(organization: Organization, *, username: str, is_owner: bool) -> Membership:
    """Lets a person in; raises ``InvalidInput`` for one who is not there, ``Conflict`` for a member."""
    user = person(username)
    with taken("one_membership", "username", IS_MEMBER):
        return Membership.objects.create(organization=organization, user=user, is_owner=is_owner)


def change_member(membership: Membership, *, is_owner: bool) -> None:
    """Makes a member an owner, or no longer; raises :class:`LastOwner`, ``Conflict`` for a service account."""
    with _held(membership):
        if not is_owner:
            _check_others_own(membership)
        membership.is_owner = is_owner
        membership.save(update_fields=["is_owner"])


def remove_member(membership: Membership) -> None:
    """Takes a member out of the organization, with their teams and grants there (see ``receivers``).

    Raises :class:`LastOwner`, ``Conflict`` for a service account.
    """
    with _held(membership):
        _check_others_own(membership)
        membership.delete()


@contextmanager
def _held(membership: Membership) -> Iterator[None]:
    """Holds the organization while one of its members is changed, so that two owners cannot leave at once."""
    if membership.user.is_service:
        raise Conflict("This account stands for a team or the organization: revoke its tokens")
    with transaction.atomic():
        hold_organization(membership.organization_id)
        try:
            membership.refresh_from_db(fields=["is_owner"])
        except Membership.DoesNotExist:
            raise NotFound("There is no such member any more") from None
        yield


def _check_others_own(membership: Membership) -> None:
    owners = Membership.objects.filter(
        organization=membership.organization_id,
        is_owner=True,
        user__is_service=False,
        user__is_active=True,
    )
    if membership.is_owner and not owners.exclude(pk=membership.pk).exists():
        raise LastOwner("The organization has no other owner")


def create_team(organization: Organization, **fields: Any) -> Team:
    """Creates a team without members; raises ``Conflict`` for a name that is taken."""
    with taken("one_team_name_an_organization", "name", TEAM_TAKEN):
        return Team.objects.create(organization=organization, **fields)


def update_team(team: Team, **changes: Any) -> None:
    """Changes fields of a team; raises ``Conflict`` for a name that is taken."""
    for name, value in changes.items():
        setattr(team, name, value)
    with taken("one_team_name_an_organization", "name", TEAM_TAKEN):
        team.save(update_fields=list(changes))


def delete_team(team: Team) -> None:
    """Removes a team with its grants and tokens."""
    with transaction.atomic():
        User.objects.filter(is_service=True, username=_service_name(team)).delete()
        team.delete()


def set_team_members(team: Team, usernames: Sequence[str]) -> None:
    """Says who is in the team; raises ``InvalidInput`` for somebody who is no member of its organization."""
    members = User.objects.filter(organizations=team.organization_id, is_service=False)
    with transaction.atomic():
        hold_organization(team.organization_id)  # nobody leaves it meanwhile
        found = {user.get_username(): user for user in members.filter(username__in=usernames)}
        if missing := sorted(set(usernames) - set(found)):
            raise InvalidInput("usernames", f"the organization has no member {missing[0]}")
        service = team.members.filter(is_service=True)
        team.members.set([*found.values(), *service])


def create_team_token(team: Team, *, user: User, **fields: Any) -> tuple[APIToken, str]:
    """A token that acts as the team; returns it with its text, which cannot be had again."""
    with transaction.atomic():
        service = _service_account(_service_name(team), team.organization, is_owner=False)
        team.members.add(service)
        return create_api_token(service, team=team, created_by=user, **fields)


def create_organization_token(
    organization: Organization, *, user: User, **fields: Any
) -> tuple[APIToken, str]:
    """A token that acts as an owner of the organization; returns it with its text."""
    with transaction.atomic():
        service = _service_account(_service_name(organization), organization, is_owner=True)
        return create_api_token(service, organization=organization, created_by=user, **fields)


def _service_name(owner: Team | Organization) -> str:
    """A name that no person can have: people's names have no colon."""
    return f"team:{owner.team_id}" if isinstance(owner, Team) else f"organization:{owner.name}"


def _service_account(username: str, organization: Organization, *, is_owner: bool) -> User:
    user, is_new = User.objects.get_or_create(username=username, defaults={"is_service": True})
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    Membership.objects.get_or_create(
        organization=organization, user=user, defaults={"is_owner": is_owner}
    )
    return user

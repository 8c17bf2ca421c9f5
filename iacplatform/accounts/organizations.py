"""Who manages what of an organization: owners everything, members what a team of theirs has a role for."""

from django.db.models import QuerySet

from iacplatform.accounts.levels import OrganizationRole
from iacplatform.accounts.models import DEFAULT_ORGANIZATION, Membership, Organization, Team, User
from iacplatform.common.errors import Forbidden, InvalidInput


def owned_organizations(user: User) -> QuerySet[Organization]:
    """The organizations in which the user may do everything."""
    if user.is_superuser:
        return Organization.objects.all()
    return Organization.objects.filter(membership__user=user, membership__is_owner=True)


def member_organizations(user: User) -> QuerySet[Organization]:
    """The organizations that the user belongs to; a superuser sees all."""
    if user.is_superuser:
        return Organization.objects.all()
    return Organization.objects.filter(membership__user=user)


def organization_for(user: User, name: str | None) -> Organization:
    """The organization in which a user creates something: the named one, or their only one.

    Raises ``InvalidInput`` where the user belongs to none, or to several and named none.
    """
    theirs = Organization.objects.all() if user.is_superuser else user.organizations.all()
    if name is None and user.is_superuser:
        name = DEFAULT_ORGANIZATION
    found = list(theirs.filter(name=name) if name else theirs[:2])
    if len(found) == 1:
        return found[0]
    problem = "say which of your organizations" if found else "you belong to no such organization"
    raise InvalidInput("organization", problem)


def hold_organization(organization_id: int) -> None:
    """Locks an organization's row until the transaction ends: who belongs to it changes one by one."""
    Organization.objects.select_for_update(no_key=True).filter(pk=organization_id).first()


def is_owner(user: User, organization_id: int) -> bool:
    """Whether the user may do everything in the organization."""
    return owned_organizations(user).filter(pk=organization_id).exists()


def has_role(user: User, organization_id: int, role: OrganizationRole) -> bool:
    """Whether the user manages this in the organization, of which they have to be a member."""
    if is_owner(user, organization_id):
        return True
    if not Membership.objects.filter(user=user, organization=organization_id).exists():
        return False
    teams = Team.objects.filter(organization=organization_id, members=user)
    return teams.filter(roles__contains=[role]).exists()


def has_role_for_all(user: User, role: OrganizationRole) -> bool:
    """Whether the user manages this for every organization: in the one that runs the installation."""
    if user.is_superuser:
        return True
    house = Organization.objects.filter(name=DEFAULT_ORGANIZATION).values_list("pk", flat=True)
    return any(has_role(user, pk, role) for pk in house)


def require_role(user: User, organization_id: int | None, role: OrganizationRole) -> None:
    """Raises ``Forbidden`` unless the user manages this in the organization (``None``: staff does)."""
    if organization_id is None:
        if not (user.is_staff or user.is_superuser):
            raise Forbidden("Only administrators may touch what concerns every organization")
    elif not has_role(user, organization_id, role):
        raise Forbidden(f"You need the role {role.value} in the organization")


def require_role_somewhere(user: User, role: OrganizationRole) -> None:
    """Raises ``Forbidden`` unless the user manages this in some organization, or for all of them."""
    theirs = Membership.objects.filter(user=user).values_list("organization", flat=True)
    if user.is_staff or user.is_superuser or any(has_role(user, pk, role) for pk in theirs):
        return
    raise Forbidden(f"You need the role {role.value} in an organization")


def require_owner(user: User, organization_id: int) -> None:
    """Raises ``Forbidden`` unless the user owns the organization."""
    if not is_owner(user, organization_id):
        raise Forbidden("Only owners of the organization may do this")

"""Who leaves an organization, a team or the installation, and what they leave behind."""

from collections.abc import Callable
from functools import partial

import pytest
from django.test import Client
from rest_framework.test import APIClient

from iacplatform.accounts.administration.accounts import update_account
from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import Membership, User
from tests.admin_pages import operator, signed_in
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.factories import UserFactory, member_with, plain_member
from tests.racing import at_once
from workspaces.models import AccessGrant, Workspace, access_of

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]
pytestmark = pytest.mark.django_db
MEMBERS = "/api/v1/organizations/default/members"


@pytest.fixture
def creator(workspace: Workspace) -> User:
    """A member whose team may read everything, and who has the workspace by name."""
    user = member_with(Level.READ, username="grace")
    AccessGrant.objects.create(user=user, workspace=workspace, level=Level.ADMIN)
    return user


def assert_nothing_is_left(user: User, workspace: Workspace) -> None:
    assert not user.teams.exists()
    assert not AccessGrant.objects.filter(user=user).exists()
    assert access_of(user).level_in_workspace(workspace) == Level.NONE


def test_who_is_let_in_again_has_nothing_of_what_they_had(
    api: APIClient, creator: User, workspace: Workspace
) -> None:
    assert access_of(creator).level_in_workspace(workspace) == Level.ADMIN
    assert api.delete(f"{MEMBERS}/{creator.pk}").status_code == 204
    assert api.post(MEMBERS, {"username": "grace"}).status_code == 201

    assert_nothing_is_left(creator, workspace)


def test_who_is_taken_out_in_the_admin_has_nothing_left_either(
    creator: User, workspace: Workspace
) -> None:
    browser: Client = signed_in(operator())
    membership = Membership.objects.get(user=creator)
    row = {"id": membership.pk, "user": creator.pk, "organization": membership.organization_id}
    inline = {f"membership_set-0-{name}": value for name, value in row.items()}
    forms = {"membership_set-TOTAL_FORMS": 1, "membership_set-INITIAL_FORMS": 1}
    page = f"/admin/accounts/organization/{membership.organization_id}/change/"
    memberships = Membership.objects.filter(organization=membership.organization_id)
    memberships.exclude(user=creator).delete()
    sent = {**inline, **forms, "membership_set-0-DELETE": "on", "name": "default"}
    assert browser.post(page, sent).status_code == 302

    assert_nothing_is_left(creator, workspace)


def test_an_owner_who_cannot_sign_in_is_none_to_leave_it_to(api: APIClient, member: User) -> None:
    UserFactory.create(username="gone", is_active=False)

    assert api.delete(f"{MEMBERS}/{member.pk}").status_code == 409
    assert api.patch(f"{MEMBERS}/{member.pk}", {"is_owner": False}).status_code == 409


def test_what_stands_for_a_team_is_neither_made_an_owner_nor_taken_out(api: APIClient) -> None:
    teams = "/api/v1/organizations/default/teams"
    team = api.post(teams, {"name": "network"}).json()["team_id"]
    assert api.post(f"{teams}/{team}/tokens", {"name": "ci"}).status_code == 201
    service = User.objects.get(is_service=True)

    assert api.patch(f"{MEMBERS}/{service.pk}", {"is_owner": True}).status_code == 409
    assert api.delete(f"{MEMBERS}/{service.pk}").status_code == 409


def test_nobody_shuts_themselves_out(client_of: Callable[[User], APIClient]) -> None:
    ada, grace = (UserFactory.create(superuser=True) for _ in range(2))
    client = client_of(ada)

    assert client.patch(f"/api/v1/users/{ada.pk}", {"is_superuser": False}).status_code == 409
    assert client.patch(f"/api/v1/users/{grace.pk}", {"is_active": False}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_superusers_who_shut_each_other_out_one_stays() -> None:
    for _ in range(5):
        pair = [UserFactory.create(superuser=True) for _ in range(2)]
        first, second = pair
        outcomes = at_once(
            partial(update_account, first, by=second, is_superuser=False),
            partial(update_account, second, by=first, is_active=False),
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["LastSuperuser", "NoneType"]
        User.objects.all().delete()


def test_a_change_leaves_what_somebody_else_changes_meanwhile() -> None:
    root, user = UserFactory.create(superuser=True), plain_member(username="grace")
    read_before = User.objects.get(pk=user.pk)
    update_account(user, by=root, is_active=False, password="a better horse battery")
    update_account(read_before, by=root, email="grace@example.com")

    user.refresh_from_db()
    assert (user.is_active, user.email) == (False, "grace@example.com")
    assert user.check_password("a better horse battery")

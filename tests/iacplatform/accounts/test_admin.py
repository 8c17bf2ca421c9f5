"""The admin pages of users, organizations and API tokens."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from pytest_django import Settings

from iacplatform.accounts.administration.services import create_team
from iacplatform.accounts.models import APIToken, Membership, Organization, User
from iacplatform.accounts.oidc.models import OIDCIdentity
from iacplatform.accounts.services import create_api_token, find_api_token
from tests import admin_pages
from tests.admin_pages import (
    act,
    address,
    colleague,
    list_page,
    messages,
    page,
    refusals,
    signed_in,
)
from tests.factories import OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return admin_pages.operator()


@pytest.fixture
def browser(operator: User) -> Client:
    return admin_pages.signed_in(operator)


def test_a_token_and_its_digest_are_never_shown(browser: Client, operator: User) -> None:
    token, text = create_api_token(operator, name="ci")
    for url in (list_page(APIToken), page(token)):
        body = browser.get(url).content.decode()
        assert token.hint in body
        assert token.digest not in body
        assert text not in body


def test_a_revoked_token_opens_nothing(browser: Client, operator: User) -> None:
    token, text = create_api_token(operator, name="ci")
    assert find_api_token(text) == token
    response = act(browser, "revoke", token)
    assert messages(response) == [f"ci ({token.hint}…) of olivia was revoked"]
    assert find_api_token(text) is None
    assert "Revoked" in response.content.decode()
    assert LogEntry.objects.get().object_id == str(token.pk)


def test_a_token_cannot_be_added_changed_or_deleted(browser: Client, operator: User) -> None:
    token, _ = create_api_token(operator, name="ci")
    assert refusals(browser, token) == [403, 403, 403]


def test_who_may_only_look_at_tokens_cannot_revoke_one(operator: User) -> None:
    token, text = create_api_token(operator, name="ci")
    act(signed_in(colleague("view_apitoken")), "revoke", token)
    assert find_api_token(text) == token


def test_a_token_of_a_team_says_what_it_opens_and_its_team_stays(
    browser: Client, operator: User
) -> None:
    team = create_team(OrganizationFactory.create(), name="network")
    token, _ = create_api_token(operator, team=team, name="ci", scopes=["workspaces:plan"])
    shown = browser.get(page(token)).content.decode()

    assert "workspaces:plan" in shown
    assert "network" in shown
    assert browser.post(address(team, "delete", team.pk), {"post": "yes"}).status_code == 403


def test_a_user_is_created_with_an_organization(browser: Client) -> None:
    organization = Organization.objects.get_or_create(name="default")[0]
    form = {
        "username": "ada",
        "usable_password": "true",
        "password1": "correct horse battery",
        "password2": "correct horse battery",
        "membership_set-TOTAL_FORMS": "1",
        "membership_set-INITIAL_FORMS": "0",
        "membership_set-0-organization": organization.pk,
    }
    browser.post(address(User, "add"), form)
    ada = User.objects.get(username="ada")
    assert ada.check_password("correct horse battery")
    assert Membership.objects.filter(user=ada, organization=organization).exists()


def test_an_organization_with_workspaces_cannot_be_deleted(browser: Client) -> None:
    organization = Organization.objects.get_or_create(name="default")[0]
    organization.workspaces.create(name="shop")
    delete = address(organization, "delete", organization.pk)
    browser.post(delete, {"post": "yes"})
    assert Organization.objects.filter(pk=organization.pk).exists()


def test_the_login_page_has_a_button_for_the_provider_where_there_is_one(
    client: Client, settings: Settings
) -> None:
    assert "auth/oidc/login" not in client.get("/admin/login/").content.decode()
    settings.OIDC_ISSUER = "https://idp.example.com"
    settings.OIDC_CLIENT_ID = "iacplatform"
    body = client.get("/admin/login/?next=/admin/accounts/").content.decode()
    assert 'href="/api/v1/auth/oidc/login?next=%2Fadmin%2Faccounts%2F"' in body


def test_an_account_is_bound_to_an_identity_of_the_provider(
    browser: Client, operator: User
) -> None:
    form = {"user": operator.pk, "issuer": "https://idp.example.com", "subject": "ada-1"}
    browser.post(address(OIDCIdentity, "add"), form)
    assert OIDCIdentity.objects.get().user == operator
    browser.post(address(OIDCIdentity, "add"), {**form, "user": UserFactory.create().pk})
    assert OIDCIdentity.objects.get().user == operator

"""The admin pages of users, organizations and API tokens."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from iacplatform.accounts.models import APIToken, Membership, Organization, User
from iacplatform.accounts.services import create_api_token, find_api_token

pytestmark = pytest.mark.django_db
TOKENS = "admin:accounts_apitoken_changelist"
TOKEN = "admin:accounts_apitoken_change"


@pytest.fixture
def operator() -> User:
    return User.objects.create_superuser("olivia", password="a long password")


@pytest.fixture
def browser(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def revoke(browser: Client, token: APIToken) -> Any:
    """Presses the button, and follows to the page it leads to."""
    data = {"action": "revoke", "_selected_action": token.pk}
    return browser.post(reverse(TOKENS), data, follow=True)


def test_a_token_and_its_digest_are_never_shown(browser: Client, operator: User) -> None:
    token, text = create_api_token(operator, name="ci")
    for address in (reverse(TOKENS), reverse(TOKEN, args=[token.pk])):
        page = browser.get(address).content.decode()
        assert token.hint in page
        assert token.digest not in page
        assert text not in page


def test_a_revoked_token_opens_nothing(browser: Client, operator: User) -> None:
    token, text = create_api_token(operator, name="ci")
    assert find_api_token(text) == token
    response = revoke(browser, token)
    assert [str(message) for message in response.context["messages"]] == [
        f"ci ({token.hint}…) of olivia was revoked"
    ]
    assert find_api_token(text) is None
    assert "Revoked" in response.content.decode()
    assert LogEntry.objects.get().object_id == str(token.pk)


def test_a_token_cannot_be_added_or_edited(browser: Client, operator: User) -> None:
    token, _ = create_api_token(operator, name="ci")
    assert browser.post(reverse("admin:accounts_apitoken_add")).status_code == 403
    assert browser.post(reverse(TOKEN, args=[token.pk]), {"name": "x"}).status_code == 403


def test_who_may_only_look_at_tokens_cannot_revoke_one(operator: User) -> None:
    token, text = create_api_token(operator, name="ci")
    victor = User.objects.create_user("victor", is_staff=True)
    victor.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    browser = Client()
    browser.force_login(victor)
    revoke(browser, token)
    assert find_api_token(text) == token


def test_a_user_is_created_with_an_organization(browser: Client) -> None:
    organization = Organization.objects.get()
    form = {
        "username": "ada",
        "usable_password": "true",
        "password1": "correct horse battery",
        "password2": "correct horse battery",
        "membership_set-TOTAL_FORMS": "1",
        "membership_set-INITIAL_FORMS": "0",
        "membership_set-0-organization": organization.pk,
    }
    browser.post(reverse("admin:accounts_user_add"), form)
    ada = User.objects.get(username="ada")
    assert ada.check_password("correct horse battery")
    assert Membership.objects.filter(user=ada, organization=organization).exists()


def test_an_organization_with_workspaces_cannot_be_deleted(browser: Client) -> None:
    organization = Organization.objects.get()
    organization.workspaces.create(name="shop")
    delete = reverse("admin:accounts_organization_delete", args=[organization.pk])
    browser.post(delete, {"post": "yes"})
    assert Organization.objects.filter(pk=organization.pk).exists()

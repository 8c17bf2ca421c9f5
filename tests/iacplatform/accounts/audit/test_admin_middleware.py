"""What is done in the admin is in the audit log."""

import pytest
from django.test import Client

from iacplatform.accounts.audit.models import AuditEntry
from iacplatform.accounts.models import User
from iacplatform.accounts.services import create_api_token
from tests import admin_pages
from tests.admin_pages import act, address, colleague, list_page, page, signed_in
from tests.factories import OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    return admin_pages.operator()


@pytest.fixture
def browser(operator: User) -> Client:
    return signed_in(operator)


def test_looking_leaves_no_entry(browser: Client) -> None:
    browser.get(list_page(User))
    assert not AuditEntry.objects.exists()


def test_a_change_is_recorded_with_its_object(browser: Client, operator: User) -> None:
    organization = OrganizationFactory.create(name="house", display_name="The house")
    browser.post(page(organization), {"name": "house", "display_name": "A secret"})
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.via) == ("admin.accounts.organization.change", "admin")
    assert (entry.actor, entry.object_type) == (operator, "organization")
    assert (entry.object_id, entry.object_name) == (str(organization.pk), "The house")
    assert entry.status in (200, 302)
    assert "secret" not in str(entry.details)


def test_an_action_is_recorded_by_its_name(browser: Client, operator: User) -> None:
    token, _ = create_api_token(operator, name="ci")
    act(browser, "revoke", token)
    entry = AuditEntry.objects.get()
    assert entry.action == "admin.accounts.apitoken.revoke"
    assert (entry.object_id, entry.object_name) == (str(token.pk), str(token))


def test_an_action_on_many_names_their_ids(browser: Client, operator: User) -> None:
    tokens = [create_api_token(operator, name="ci")[0] for _ in range(2)]
    act(browser, "revoke", *tokens)
    entry = AuditEntry.objects.get()
    assert entry.details == {"selected": [str(token.pk) for token in tokens], "count": 2}


def test_what_is_refused_is_recorded_too() -> None:
    ada = UserFactory.create(username="ada")
    signed_in(colleague("view_user")).post(address(ada, "delete", ada.pk), {"post": "yes"})
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.status) == ("admin.accounts.user.delete", 403)
    Client(enforce_csrf_checks=True).post(address(ada, "delete", ada.pk))
    last = AuditEntry.objects.latest("id")
    assert (last.actor_name, last.object_name, last.status) == ("", "", 403)


def test_signing_in_and_out_is_recorded(operator: User) -> None:
    operator.set_password("correct horse")
    operator.save()
    browser = Client()
    for password in ("wrong horse", "correct horse"):
        browser.post("/admin/login/?next=/admin/", {"username": "olivia", "password": password})
    browser.post("/admin/logout/")
    entries = AuditEntry.objects.order_by("id").values_list(
        "action", "actor", "actor_name", "via", "status"
    )
    assert list(entries) == [
        ("auth.login", None, "olivia", "login", 401),
        ("auth.login", operator.pk, "olivia", "login", 302),
        ("auth.logout", operator.pk, "olivia", "admin", 200),
    ]

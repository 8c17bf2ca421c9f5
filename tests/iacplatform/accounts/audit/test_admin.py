"""The audit log's admin page."""

import pytest

from iacplatform.accounts.audit.models import AuditEntry
from tests import admin_pages
from tests.admin_pages import list_page, page, refusals, signed_in, text

pytestmark = pytest.mark.django_db


def test_entries_are_shown_found_and_never_changed() -> None:
    operator = admin_pages.operator()
    browser = signed_in(operator)
    entry = AuditEntry.objects.create(
        action="state_content.download", via="api", object_name="shop 7", actor=operator, status=403
    )
    AuditEntry.objects.create(action="states.delete", via="oidc", object_name="other")
    shown = text(browser.get(list_page(AuditEntry, q="hop")))
    assert "state_content.download" in shown
    assert "states.delete" not in shown
    assert "states.delete" in text(browser.get(list_page(AuditEntry, outcome="unknown")))
    assert "shop 7" in text(browser.get(page(entry)))
    assert refusals(browser, entry) == [403, 403, 403]


def test_an_entry_whose_actor_and_organization_are_gone_is_still_shown() -> None:
    entry = AuditEntry.objects.create(action="a.b", via="api", actor_id=10**9, organization_id=9)
    assert "a.b" in text(signed_in(admin_pages.operator()).get(page(entry)))

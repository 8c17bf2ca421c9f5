"""State versions: where each came from."""

import pytest
from django.test import Client

from tests.admin_pages import list_page, page, text
from tests.factories import StateVersionFactory, UserFactory, WorkspaceFactory
from workspaces.models import StateVersion

pytestmark = pytest.mark.django_db


def test_a_version_says_where_it_came_from_and_who_brought_it(browser: Client) -> None:
    workspace = WorkspaceFactory.create()
    bob = UserFactory.create(username="bob")
    uploaded = StateVersionFactory.create(
        workspace=workspace, import_source="user_upload", created_by=bob, output_count=42
    )
    back = StateVersionFactory.create(
        workspace=workspace, import_source="rollback", rollback_from_version=17
    )
    body = text(browser.get(page(uploaded)))
    assert "Uploaded by a person" in body
    assert "bob" in body
    assert "42" in body
    assert "version 17" in text(browser.get(page(back)))


def test_the_list_can_be_narrowed_to_what_people_have_uploaded(browser: Client) -> None:
    workspace = WorkspaceFactory.create()
    StateVersionFactory.create(workspace=workspace)
    StateVersionFactory.create(workspace=workspace, import_source="user_upload")
    body = text(browser.get(list_page(StateVersion, import_source__exact="user_upload")))
    assert "version 2" in body
    assert "version 1" not in body

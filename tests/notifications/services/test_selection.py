"""Who is told of an event."""

import pytest
from pytest_django import DjangoAssertNumQueries

from notifications.services.selection import global_notifications, receivers
from tests.factories import OrganizationFactory, WorkspaceFactory
from tests.notifications.factories import AttachmentFactory, NotificationFactory
from workspaces.models import Workspace
from workspaces.task_events import EventName

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


def names(workspace: Workspace, event: EventName = EventName.TASK_FAILED) -> list[str]:
    return [each.name for each in receivers(workspace.pk, event)]


def test_an_attachment_is_told_of_its_events_only(workspace: Workspace) -> None:
    """F40: events are filtered per row."""
    AttachmentFactory.create(
        workspace=workspace,
        notification__name="ops",
        events=["task_failed", "drift_detected"],
    )

    assert [event.value for event in EventName if names(workspace, event)] == [
        "task_failed",
        "drift_detected",
    ]
    assert names(WorkspaceFactory.create()) == []


def test_a_global_notification_is_told_of_exactly_its_events(workspace: Workspace) -> None:
    """F31: no event is found as a part of another's name."""
    NotificationFactory.create(is_global=True, global_events=["task_planned"])

    assert [event.value for event in EventName if names(workspace, event)] == ["task_planned"]


@pytest.mark.parametrize("attachment", [{"enabled": False}, {"events": ["task_created"]}])
def test_any_attachment_replaces_the_global_configuration(
    workspace: Workspace, attachment: dict[str, object]
) -> None:
    """F38: also a disabled one, also one with other events."""
    config = NotificationFactory.create(everywhere=True)
    AttachmentFactory.create(workspace=workspace, notification=config, **attachment)

    assert names(workspace) == []
    assert not global_notifications(workspace)
    assert names(WorkspaceFactory.create()) == [config.name]


def test_what_is_attached_and_global_is_told_once(workspace: Workspace) -> None:
    config = NotificationFactory.create(everywhere=True)
    attachment = AttachmentFactory.create(workspace=workspace, notification=config)

    (found,) = receivers(workspace.pk, EventName.TASK_FAILED)

    assert found.attachment_id == attachment.pk
    (elsewhere,) = receivers(WorkspaceFactory.create().pk, EventName.TASK_FAILED)
    assert elsewhere.attachment_id is None


def test_what_is_disabled_is_not_told(workspace: Workspace) -> None:
    NotificationFactory.create(everywhere=True, enabled=False)
    AttachmentFactory.create(workspace=workspace, notification__enabled=False)
    AttachmentFactory.create(workspace=workspace, enabled=False)

    assert names(workspace) == []


def test_a_global_notification_is_its_organizations_or_the_whole_platforms(
    workspace: Workspace,
) -> None:
    elsewhere = OrganizationFactory.create(name="elsewhere")
    NotificationFactory.create(name="ours", everywhere=True)
    NotificationFactory.create(name="theirs", everywhere=True, organization=elsewhere)
    NotificationFactory.create(name="everybodys", everywhere=True, organization=None)

    assert names(workspace) == ["everybodys", "ours"]


def test_choosing_is_one_query_however_many_there_are(
    workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        NotificationFactory.create(everywhere=True)
        AttachmentFactory.create(workspace=workspace)
    with django_assert_num_queries(1):
        assert len(names(workspace)) == 10

"""Who sees what: every address of the app, found in the URL configuration itself."""

import re
from collections.abc import Callable, Iterator

from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from notifications.api.urls import urlpatterns
from notifications.models import NotificationLog
from tests.factories import OrganizationFactory, TaskFactory, UserFactory
from tests.notifications.factories import AttachmentFactory, happen

METHODS = ("get", "post", "put", "patch", "delete")


def addresses() -> Iterator[tuple[str, str]]:
    """Every method and address, with the ids of what is there."""
    attachment = AttachmentFactory.create()
    happen(task=TaskFactory.create(workspace=attachment.workspace))
    ids = {
        "workspace_id": attachment.workspace.workspace_id,
        "notification_id": attachment.notification.notification_id,
        "workspace_notification_id": attachment.workspace_notification_id,
        "log_id": NotificationLog.objects.get().log_id,
    }
    for pattern in urlpatterns:
        address = re.sub(r"<\w+:(\w+)>", lambda found: ids[found[1]], str(pattern.pattern))
        for method in METHODS:
            if method in getattr(pattern.callback, "actions", {}):
                yield method, f"/api/v1/{address}"


def status(client: APIClient, method: str, address: str) -> int:
    return int(getattr(client, method)(address).status_code)


def test_nobody_gets_anything_without_a_token(db: None) -> None:
    found = list(addresses())
    assert len(found) > 15
    assert {each: status(APIClient(), *each) for each in found} == dict.fromkeys(found, 401)


def test_strangers_find_nothing_but_the_collection_of_their_own(
    client_of: Callable[[User], APIClient], db: None
) -> None:
    """F3, F46: not even that it exists."""
    elsewhere = OrganizationFactory.create(name="elsewhere")
    stranger = client_of(UserFactory.create(organizations=[elsewhere], staff=True))
    own = ("/v1/notifications", "/v1/notifications/available")
    theirs = [each for each in addresses() if not each[1].endswith(own)]
    assert len(theirs) > 12
    assert {each: status(stranger, *each) for each in theirs} == dict.fromkeys(theirs, 404)

"""Old logs, and those that cannot be sent again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from iacplatform.common.errors import Conflict
from iacplatform.common.models import OutboxEntry
from notifications.models import NotificationLog
from notifications.services.logs import replay_message
from notifications.tasks import prune_logs
from tests.notifications.factories import NOWHERE, told

pytestmark = pytest.mark.django_db


def test_logs_of_messages_that_ended_long_ago_are_forgotten_and_no_others(settings: Any) -> None:
    settings.NOTIFICATION_LOG_KEEP_DAYS = 7
    old = told(NOWHERE)
    rows = NotificationLog.objects.filter(pk=old.pk)
    rows.update(status="pending", created_at=Now() - timedelta(days=60))
    prune_logs()
    assert rows.exists()
    rows.update(status="failed", completed_at=Now() - timedelta(days=6))
    prune_logs()
    assert rows.exists()
    rows.update(completed_at=Now() - timedelta(days=8))
    prune_logs()
    assert not rows.exists()


@pytest.mark.parametrize("status", ["pending", "sending", "success"])
def test_only_a_failed_message_is_sent_again(status: str) -> None:
    told(NOWHERE)
    NotificationLog.objects.update(status=status)
    OutboxEntry.objects.update(status="dead")

    with pytest.raises(Conflict):
        replay_message(NotificationLog.objects.get())

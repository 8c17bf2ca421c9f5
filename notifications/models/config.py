"""Notifications: who is told of what happens to tasks, and how (reference §1.6)."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from iacplatform.accounts.models import Organization, User
from iacplatform.common.fields import EncryptedJSONField, EncryptedTextField
from iacplatform.common.ids import new_id
from workspaces.models import Workspace
from workspaces.task_events import EventName

RETRY_COUNT = range(11)
DEFAULT_RETRY_COUNT = 3
RETRY_INTERVAL_SECONDS = range(1, 3601)
DEFAULT_RETRY_INTERVAL_SECONDS = 30
TIMEOUT_SECONDS = range(5, 121)
DEFAULT_TIMEOUT_SECONDS = 30


class NotificationType(models.TextChoices):
    """Where a notification goes."""

    WEBHOOK = "webhook", "Webhook"
    LARK_ROBOT = "lark_robot", "Lark robot"
    SLACK = "slack", "Slack"
    MICROSOFT_TEAMS = "microsoft_teams", "Microsoft Teams"
    EMAIL = "email", "E-mail"


# Whose messages are signed; whose address is all one needs to write into somebody's channel.
SIGNED = frozenset({NotificationType.WEBHOOK, NotificationType.LARK_ROBOT})
SECRET_ADDRESS = frozenset(
    {NotificationType.LARK_ROBOT, NotificationType.SLACK, NotificationType.MICROSOFT_TEAMS}
)
MASK = "****"


def new_notification_id() -> str:
    """A semantic id such as ``ntf-4fz0…``."""
    return new_id("ntf")


def default_events() -> list[str]:
    """What is told unless somebody says otherwise: the ends of tasks."""
    return [EventName.TASK_COMPLETED.value, EventName.TASK_FAILED.value]


def events_field() -> "ArrayField[Any, Any]":
    """A list of events."""
    return ArrayField(
        models.CharField(max_length=30, choices=EventName.choices), default=default_events
    )


def _within(allowed: range) -> tuple[int, int]:
    return allowed.start, allowed.stop - 1


class NotificationQuerySet(models.QuerySet["NotificationConfig"]):
    """Reads of notifications."""

    def visible_to(self, user: User) -> "NotificationQuerySet":
        """Those of the user's organizations and of the whole platform; a superuser sees all."""
        if user.is_superuser:
            return self
        return self.filter(Q(organization=None) | Q(organization__in=user.organizations.all()))

    def usable_by(self, workspace: Workspace) -> "NotificationQuerySet":
        """Those of the workspace's organization and of the whole platform."""
        return self.filter(Q(organization=None) | Q(organization=workspace.organization_id))


class NotificationConfig(models.Model):
    """A receiver and how it is reached.

    A global one is told of the tasks of every workspace of its organization (of the platform, where it
    has none), unless the workspace has an attachment of its own for it.
    """

    notification_id = models.CharField(
        max_length=50, unique=True, default=new_notification_id, editable=False
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        related_name="notifications",
        help_text="Empty: the whole platform's",
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    notification_type = models.CharField(max_length=20, choices=NotificationType.choices)
    endpoint_url = EncryptedTextField(null=True, help_text="Of all types but e-mail")
    recipients = ArrayField(models.EmailField(), default=list, help_text="Of e-mail only")
    secret = EncryptedTextField(null=True, help_text="Signs webhooks and Lark's messages")
    custom_headers = EncryptedJSONField(default=dict, help_text="Of webhooks only; name → value")
    enabled = models.BooleanField(default=True)
    is_global = models.BooleanField(default=False)
    global_events = events_field()
    retry_count = models.PositiveSmallIntegerField(default=DEFAULT_RETRY_COUNT)
    retry_interval_seconds = models.PositiveIntegerField(default=DEFAULT_RETRY_INTERVAL_SECONDS)
    timeout_seconds = models.PositiveIntegerField(default=DEFAULT_TIMEOUT_SECONDS)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = "notification"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                nulls_distinct=False,
                name="one_notification_name_an_organization",
            ),
            models.CheckConstraint(
                condition=Q(notification_type__in=NotificationType.values),
                name="known_notification_type",
            ),
            models.CheckConstraint(
                condition=Q(notification_type=NotificationType.EMAIL, endpoint_url=None)
                | Q(~Q(notification_type=NotificationType.EMAIL), endpoint_url__isnull=False),
                name="all_notifications_but_email_have_an_address",
            ),
            models.CheckConstraint(
                condition=Q(
                    retry_count__range=_within(RETRY_COUNT),
                    retry_interval_seconds__range=_within(RETRY_INTERVAL_SECONDS),
                    timeout_seconds__range=_within(TIMEOUT_SECONDS),
                ),
                name="notification_times_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_url(self) -> str:
        """The address as it may be shown: without its tail where that is as good as a password."""
        url = str(self.endpoint_url or "")
        hidden = url and self.notification_type in SECRET_ADDRESS
        return mask_tail(url) if hidden else url


def mask_tail(url: str) -> str:
    """Hides what comes after the last slash of the path, the query with it: ``https://…/hook/****``."""
    path = url.partition("?")[0].partition("#")[0]
    scheme, _, rest = path.partition("://")
    return f"{scheme}://{rest.rpartition('/')[0] or rest}/{MASK}"

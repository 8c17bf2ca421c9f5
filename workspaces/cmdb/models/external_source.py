"""External inventories, and what each pull of them did (reference §1.7)."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from iacplatform.accounts.models import Organization, User
from iacplatform.common.fields import EncryptedJSONField
from iacplatform.common.ids import new_id

INTERVAL_MINUTES = range(7 * 24 * 60 + 1)


class HTTPMethod(models.TextChoices):
    """How an inventory is asked."""

    GET = "GET", "GET"
    POST = "POST", "POST"


class PullStatus(models.TextChoices):
    """What a pull came to."""

    RUNNING = "running", "Running"
    SUCCESS = "success", "Success"
    FAILED = "failed", "Failed"


def new_source_id() -> str:
    """A semantic id such as ``cmdb-src-4fz0…``."""
    return new_id("cmdb-src")


class ExternalSourceQuerySet(models.QuerySet["ExternalSource"]):
    """Reads of sources."""

    def visible_to(self, user: User) -> "ExternalSourceQuerySet":
        """Those of the user's organizations; a superuser sees all."""
        if user.is_superuser:
            return self
        return self.filter(organization__membership__user=user)


class ExternalSource(models.Model):
    """An HTTP address that answers with JSON, and how resources are found in it.

    ``auth_headers`` is ``{name: value}``; values go in and never come out. ``field_mapping`` maps fields of
    the index to JSONPath (RFC 9535) within an item.
    """

    source_id = models.CharField(max_length=50, unique=True, default=new_source_id, editable=False)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="cmdb_sources"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    api_endpoint = models.CharField(max_length=500)
    http_method = models.CharField(max_length=4, choices=HTTPMethod.choices, default=HTTPMethod.GET)
    request_body = models.TextField(blank=True, help_text="Of a POST")
    auth_headers = EncryptedJSONField(default=dict, editable=False)
    response_path = models.CharField(
        max_length=500, default="$", help_text="JSONPath of the list of items"
    )
    field_mapping = models.JSONField(default=dict)
    primary_key_field = models.CharField(
        max_length=500, help_text="JSONPath, within an item, of what it is known by"
    )
    cloud_provider = models.CharField(max_length=100, blank=True)
    account_id = models.CharField(max_length=200, blank=True)
    account_name = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=100, blank=True)
    resource_type_filter = models.CharField(
        max_length=200, blank=True, help_text="Only items of this type; empty: all"
    )
    sync_interval_minutes = models.PositiveIntegerField(
        default=60, help_text="0: only when somebody asks"
    )
    is_enabled = models.BooleanField(default=True)
    last_sync_at = models.DateTimeField(null=True, editable=False)
    last_sync_status = models.CharField(
        max_length=10, choices=PullStatus.choices, blank=True, editable=False
    )
    last_sync_message = models.TextField(blank=True, editable=False)
    last_sync_count = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ExternalSourceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = "external source"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="one_source_name_an_organization"
            ),
            models.CheckConstraint(
                condition=Q(
                    sync_interval_minutes__lte=INTERVAL_MINUTES.stop - 1,
                    http_method__in=HTTPMethod.values,
                ),
                name="external_source_is_askable",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SyncLog(models.Model):
    """One pull of a source. The running one is the claim on it: there is at most one."""

    source = models.ForeignKey(ExternalSource, on_delete=models.CASCADE, related_name="sync_logs")
    status = models.CharField(max_length=10, choices=PullStatus.choices, default=PullStatus.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)
    resources_synced = models.PositiveIntegerField(default=0)
    resources_added = models.PositiveIntegerField(default=0)
    resources_updated = models.PositiveIntegerField(default=0)
    resources_deleted = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True, help_text="What was left out")
    error_message = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "synchronisation log"
        indexes = [models.Index(fields=["source", "-id"], name="cmdb_logs_of_source")]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(status="running"), name="one_pull_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(status__in=PullStatus.values), name="known_pull_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} at {self.started_at:%Y-%m-%d %H:%M}"

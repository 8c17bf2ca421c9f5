"""What the platform owes others (docs/explanation/outbox.md), and what it has answered already."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from iacplatform.common.fields import EncryptedBinaryField, EncryptedJSONField


class OutboxStatus(models.TextChoices):
    """How far an entry is."""

    PENDING = "pending", "Pending"
    DELIVERING = "delivering", "Delivering"
    DELIVERED = "delivered", "Delivered"
    DEAD = "dead", "Dead"


OPEN = [OutboxStatus.PENDING, OutboxStatus.DELIVERING]


class OutboxEntry(models.Model):
    """One effect on somebody else, written in the transaction that causes it.

    ``key`` is the idempotency key: there is one entry of it, however often it is enqueued, and its
    receiver may know a repeated delivery by it. ``token`` is the claim of the present attempt.
    """

    kind = models.CharField(max_length=50, help_text="Says which deliverer has it")
    key = models.CharField(max_length=200, unique=True)
    destination = models.CharField(max_length=200, blank=True, help_text="Bounds concurrency")
    ordering = models.CharField(max_length=200, blank=True, help_text="Kept in order of id")
    payload = EncryptedJSONField(null=True, editable=False, help_text="Gone once it is delivered")
    status = models.CharField(
        max_length=10, choices=OutboxStatus.choices, default=OutboxStatus.PENDING
    )
    attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField()
    waits = ArrayField(
        models.FloatField(), help_text="Seconds after each failed attempt; the last one repeats"
    )
    next_attempt_at = models.DateTimeField(
        db_default=Now(),
        help_text="When it is due; during an attempt, when the attempt is given up for lost",
    )
    token = models.UUIDField(null=True, editable=False)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "outbox entries"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(status__in=OPEN), name="outbox_due"
            ),
            models.Index(
                fields=["ordering", "id"],
                condition=Q(status__in=OPEN) & ~Q(ordering=""),
                name="outbox_in_order",
            ),
            models.Index(
                fields=["destination"],
                condition=Q(status=OutboxStatus.DELIVERING),
                name="outbox_busy",
            ),
            models.Index(fields=["id"], condition=Q(status=OutboxStatus.DEAD), name="outbox_dead"),
            models.Index(
                fields=["delivered_at"],
                condition=Q(status=OutboxStatus.DELIVERED),
                name="outbox_delivered",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=OutboxStatus.values), name="outbox_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status=OutboxStatus.DELIVERING) | Q(token__isnull=False),
                name="a_delivering_entry_is_claimed",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class IdempotentRequest(models.Model):
    """A request that succeeded, by the idempotency key that its user sent along.

    Written in the transaction of its effect: there is a row exactly where the work was done.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="Of method, address and body")
    status = models.PositiveSmallIntegerField(help_text="Of the answer")
    headers = models.JSONField(default=dict)
    body = EncryptedBinaryField(
        null=True, editable=False, help_text="The answer; none where it held a secret"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="one_request_an_idempotency_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_age")]

    def __str__(self) -> str:
        return self.key

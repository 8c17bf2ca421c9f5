"""Whether the installation has been set up."""

from django.db import models
from django.db.models import Q

ONLY = 1


class Setup(models.Model):
    """One row for the installation; once ``completed_at`` is set, set-up is closed for ever."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    token_digest = models.CharField(max_length=64, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=ONLY), name="one_setup")]

    def __str__(self) -> str:
        return "complete" if self.completed_at else "open"

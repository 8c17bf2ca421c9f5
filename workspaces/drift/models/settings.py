"""When a workspace is checked for drift."""

from datetime import time
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q

from workspaces.models import Workspace

DEFAULT_INTERVAL_MINUTES = 1440
INTERVAL_MINUTES = range(10, 43_201)


class DriftSettings(models.Model):
    """When a workspace is checked by itself (reference §1.1); without a row the defaults hold.

    The window is in local time and may pass midnight; where start and end are the same it is the whole day.
    """

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="drift_settings"
    )
    drift_check_enabled = models.BooleanField(default=True)
    drift_check_start_time = models.TimeField(default=time(7))
    drift_check_end_time = models.TimeField(default=time(22))
    drift_check_interval = models.PositiveIntegerField(
        default=DEFAULT_INTERVAL_MINUTES, help_text="Minutes"
    )
    time_zone = models.CharField(
        max_length=64, blank=True, help_text="Such as Europe/Zurich; empty: the platform's"
    )
    continue_on_failure = models.BooleanField(
        default=False, help_text="Check again in the window in which a check has failed"
    )
    continue_on_success = models.BooleanField(
        default=False, help_text="Check again in the window in which a check has succeeded"
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "drift settings"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    drift_check_interval__range=(INTERVAL_MINUTES.start, INTERVAL_MINUTES.stop - 1)
                ),
                name="drift_interval_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"drift settings of {self.workspace}"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the window."""
        return ZoneInfo(self.time_zone or settings.DRIFT_TIME_ZONE)


def settings_of(workspace: Workspace) -> DriftSettings:
    """The workspace's settings; an unsaved row with the defaults where it has none."""
    found: DriftSettings | None = getattr(workspace, "drift_settings", None)
    return found or DriftSettings(workspace=workspace)

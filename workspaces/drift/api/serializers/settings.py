"""When a workspace is checked, and what of its drift is ignored."""

from datetime import datetime
from zoneinfo import available_timezones

from django.utils import timezone
from rest_framework import serializers

from workspaces.api.serializers.fields import username_field
from workspaces.drift.models import DriftIgnoreRule, DriftSettings
from workspaces.drift.models.settings import INTERVAL_MINUTES

SHORTEST, LONGEST = INTERVAL_MINUTES.start, INTERVAL_MINUTES.stop - 1


class DriftSettingsSerializer(serializers.ModelSerializer[DriftSettings]):
    """When a workspace is checked by itself; what a change leaves out stays as it is."""

    drift_check_start_time = serializers.TimeField(
        required=False, help_text="Local time; the window may pass midnight"
    )
    drift_check_end_time = serializers.TimeField(
        required=False, help_text="The same as the start: all day"
    )
    drift_check_interval = serializers.IntegerField(
        min_value=SHORTEST, max_value=LONGEST, required=False, help_text="Minutes between checks"
    )
    time_zone = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        help_text="Such as `Europe/Zurich`; empty: the platform's",
    )

    class Meta:
        model = DriftSettings
        fields = [
            "drift_check_enabled",
            "drift_check_start_time",
            "drift_check_end_time",
            "drift_check_interval",
            "time_zone",
            "continue_on_failure",
            "continue_on_success",
        ]

    def validate_time_zone(self, name: str) -> str:
        """Refuses what is no name of a time zone."""
        if name and name not in available_timezones():
            raise serializers.ValidationError(f"There is no time zone {name}.")
        return name


class DriftIgnoreRuleSerializer(serializers.ModelSerializer[DriftIgnoreRule]):
    """Drift that does not count, and why."""

    address_pattern = serializers.CharField(
        max_length=500, help_text="`*` stands for any characters, such as `module.app.*`"
    )
    attribute_path = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="Such as `tags.owner` or `rule[*].port`, and all below it; empty: everything",
    )
    reason = serializers.CharField(max_length=1000)
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="`null`: never"
    )
    created_by = username_field()

    class Meta:
        model = DriftIgnoreRule
        fields = [
            "rule_id",
            "address_pattern",
            "attribute_path",
            "reason",
            "expires_at",
            "created_by",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["rule_id", "created_at", "updated_at"]

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        """Refuses a rule that would never count."""
        if moment is not None and moment <= timezone.now():
            raise serializers.ValidationError("Give a time in the future.")
        return moment

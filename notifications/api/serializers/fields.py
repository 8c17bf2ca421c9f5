"""Fields that several serializers share."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from workspaces.task_events import EventName


@extend_schema_field(serializers.ListField(child=serializers.ChoiceField(EventName.choices)))
class EventsField(serializers.Field[list[str], Any, list[str], Any]):
    """Events, each exactly as it is called (F40): a list, or a text with commas."""

    default_error_messages = {
        "shape": "Give a list of events, or a text such as task_completed,task_failed.",
        "empty": "Name at least one event.",
        "unknown": "{name!r} is no event.",
    }

    def to_internal_value(self, data: Any) -> list[str]:
        """The events in their order, each once."""
        names = data.split(",") if isinstance(data, str) else data
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self.fail("shape")
        given = {name.strip() for name in names} - {""}
        if not given:
            self.fail("empty")
        if unknown := sorted(given - set(EventName.values)):
            self.fail("unknown", name=unknown[0])
        return [event for event in EventName.values if event in given]

    def to_representation(self, value: list[str]) -> list[str]:
        """A list."""
        return value

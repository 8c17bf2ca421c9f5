"""Fields that several serializers share."""

from typing import Any
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from runtasks.models import RunTaskStage


class LinkField(serializers.CharField):
    """An ``http`` or ``https`` address of at most 500 characters; a name without a dot is one too."""

    default_error_messages = {"no_link": "Give an address that begins with http:// or https://."}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=500, **options)

    def to_internal_value(self, data: Any) -> str:
        """Refuses ``javascript:`` and the like, which a page would make a link of."""
        text: str = super().to_internal_value(data)
        if text and not _is_web_address(text):
            self.fail("no_link")
        return text


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


@extend_schema_field(
    {
        "description": "A list, or a text with commas",
        "type": "array",
        "items": {"type": "string", "enum": RunTaskStage.values},
    }
)
class StagesField(serializers.Field[list[str], Any, list[str], Any]):
    """Stages of a global RunTask, each exactly as it is called (F31)."""

    default_error_messages = {
        "shape": "Give a list of stages, or a text such as pre_plan,post_plan.",
        "empty": "Name at least one stage.",
        "unknown": "{name!r} is no stage: give pre_plan, post_plan, pre_apply or post_apply.",
    }

    def to_internal_value(self, data: Any) -> list[str]:
        """The stages in their order, each once."""
        names = data.split(",") if isinstance(data, str) else data
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self.fail("shape")
        given = {name.strip() for name in names} - {""}
        if not given:
            self.fail("empty")
        if unknown := sorted(given - set(RunTaskStage.values)):
            self.fail("unknown", name=unknown[0])
        return [stage for stage in RunTaskStage.values if stage in given]

    def to_representation(self, value: list[str]) -> list[str]:
        """A list."""
        return value

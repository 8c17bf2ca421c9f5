"""What a service sends to a callback (JSON:API, reference §6.1.8), and what it gets."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from runtasks.api.serializers.fields import LinkField
from runtasks.models import ResultStatus, TagLevel
from runtasks.services.callbacks import MAX_OUTCOMES, Callback, Outcome

MAX_BODY_BYTES = 5 * 1024**2
STATUSES = [ResultStatus.RUNNING.value, ResultStatus.PASSED.value, ResultStatus.FAILED.value]
OUTCOMES_TYPE = "task-result-outcomes"


class Unprocessable(ValidationError):
    """What is said of the result is not acceptable, while type and status are."""

    status_code = 422


class CallbackStatusSerializer(serializers.Serializer[Any]):
    """The attributes that every callback has."""

    status = serializers.ChoiceField(choices=STATUSES)


class CallbackHeadSerializer(serializers.Serializer[Any]):
    """What says what a callback is."""

    type = serializers.ChoiceField(choices=["task-results"])
    attributes = CallbackStatusSerializer()


class CallbackEnvelopeSerializer(serializers.Serializer[Any]):
    """Type and status of a callback."""

    data = CallbackHeadSerializer()  # type: ignore[assignment]


class TagSerializer(serializers.Serializer[Any]):
    """A word about an outcome, and how it is shown."""

    label = serializers.CharField(max_length=500)  # type: ignore[assignment]
    level = serializers.ChoiceField(choices=TagLevel.values, default=TagLevel.NONE.value)


class OutcomeAttributesSerializer(serializers.Serializer[Any]):
    """One finding."""

    description = serializers.CharField(max_length=500, default="", allow_blank=True)
    body = serializers.CharField(
        default="", allow_blank=True, trim_whitespace=False, help_text="Markdown, at most 5 MiB"
    )
    url = LinkField(default="", allow_blank=True)
    tags = serializers.DictField(
        child=serializers.ListField(child=TagSerializer(), max_length=50), required=False
    )

    def get_fields(self) -> dict[str, "serializers.Field[Any, Any, Any, Any]"]:
        """With the one whose name is none in Python."""
        outcome_id = serializers.CharField(max_length=100, source="outcome_id")
        return {"outcome-id": outcome_id, **super().get_fields()}

    def validate_body(self, body: str) -> str:
        """Counts bytes, as the one who sends them does."""
        if len(body.encode()) > MAX_BODY_BYTES:
            raise serializers.ValidationError(f"Has more than {MAX_BODY_BYTES:,} bytes.")
        return body


class OutcomeSerializer(serializers.Serializer[Any]):
    """One finding, as JSON:API wraps it."""

    type = serializers.ChoiceField(choices=[OUTCOMES_TYPE])
    attributes = OutcomeAttributesSerializer()


class OutcomesSerializer(serializers.Serializer[Any]):
    """The findings."""

    data = serializers.ListField(  # type: ignore[assignment]
        child=OutcomeSerializer(), max_length=MAX_OUTCOMES
    )


class RelationshipsSerializer(serializers.Serializer[Any]):
    """What goes with a result."""

    outcomes = OutcomesSerializer(required=False)


class CallbackAttributesSerializer(CallbackStatusSerializer):
    """What is said of the result."""

    message = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, allow_null=True
    )
    url = LinkField(required=False, allow_blank=True, allow_null=True)


class CallbackDataSerializer(CallbackHeadSerializer):
    """A result, as JSON:API wraps it."""

    attributes = CallbackAttributesSerializer()
    relationships = RelationshipsSerializer(required=False)


class CallbackSerializer(serializers.Serializer[Any]):
    """A callback. HCP Terraform's documentation also has ``relationships`` beside ``data``."""

    data = CallbackDataSerializer()  # type: ignore[assignment]
    relationships = RelationshipsSerializer(required=False)


class CallbackAnswerSerializer(serializers.Serializer[Any]):
    """What a service is told."""

    message = serializers.CharField()
    result_id = serializers.CharField()
    status = serializers.ChoiceField(choices=ResultStatus.choices)


def read_callback(body: Any) -> Callback:
    """Reads a callback; raises ``ValidationError`` (400) for its type or status, else ``Unprocessable``."""
    CallbackEnvelopeSerializer(data=body).is_valid(raise_exception=True)
    serializer = CallbackSerializer(data=body)
    if not serializer.is_valid():
        raise Unprocessable(serializer.errors)
    given = serializer.validated_data
    data = given["data"]
    related = data.get("relationships") or given.get("relationships") or {}
    outcomes = related.get("outcomes", {}).get("data", [])
    return Callback(
        **data["attributes"],
        outcomes=tuple(Outcome(**each["attributes"]) for each in outcomes),
    )

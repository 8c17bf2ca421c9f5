"""Variables; a sensitive value is never shown, not even in the history (reference §1.4)."""

from typing import Any

from rest_framework import serializers

from workspaces.api.serializers.fields import username_field
from workspaces.models import ValueFormat, Variable, VariableType, WorkspaceVariable

MAX_VALUE_LENGTH = 1_000_000
LAST_VERSION = 2**31 - 1


class VariableSerializer(serializers.ModelSerializer[Any]):
    """A version of a variable."""

    value = serializers.CharField(
        max_length=MAX_VALUE_LENGTH,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Empty in every answer where the variable is sensitive",
    )
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    created_by = username_field()

    class Meta:
        model = WorkspaceVariable
        fields = [
            "variable_id",
            "version",
            "key",
            "value",
            "variable_type",
            "value_format",
            "sensitive",
            "description",
            "created_by",
            "created_at",
        ]

    def to_representation(self, instance: Variable) -> dict[str, Any]:
        """Leaves the value out where any version of the variable is sensitive."""
        shown = super().to_representation(instance)
        hidden = instance.sensitive or self.context.get("hide_values", False)
        return {**shown, "value": ""} if hidden else shown


class VariableChangeSerializer(serializers.Serializer[WorkspaceVariable]):
    """A change of a variable, made against the version that its author saw."""

    version = serializers.IntegerField(min_value=1, max_value=LAST_VERSION)
    key = serializers.CharField(max_length=100, required=False)
    value = serializers.CharField(
        max_length=MAX_VALUE_LENGTH,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="A sensitive variable keeps its value where this is absent or empty",
    )
    variable_type = serializers.ChoiceField(choices=VariableType.choices, required=False)
    value_format = serializers.ChoiceField(choices=ValueFormat.choices, required=False)
    sensitive = serializers.BooleanField(required=False)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)

"""Variable sets, their variables, and what of them counts in a workspace."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from iacplatform.accounts.models import Organization
from workspaces.api.serializers.fields import username_field
from workspaces.api.serializers.variables import VariableSerializer
from workspaces.models import (
    SetVariable,
    ValueFormat,
    Variable,
    VariableSet,
    VariableSetScope,
    VariableType,
)
from workspaces.services.effective_variables import EffectiveVariable

LARGEST_ORDER = 2**31 - 1
MOST_ASSIGNED = 1000


class VariableSetSerializer(serializers.ModelSerializer[VariableSet]):
    """A variable set, without its variables."""

    organization = serializers.SlugRelatedField[Organization](slug_field="name", read_only=True)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    order = serializers.IntegerField(
        min_value=0,
        max_value=LARGEST_ORDER,
        required=False,
        help_text="Among sets of equal priority and scope, the smallest number wins",
    )
    created_by = username_field()

    class Meta:
        model = VariableSet
        fields = [
            "variable_set_id",
            "organization",
            "name",
            "description",
            "scope",
            "priority",
            "order",
            "created_by",
            "created_at",
            "updated_at",
        ]
        # The one for unique names would not see the organization; the service sees to them.
        validators: list[Any] = []


class NewVariableSetSerializer(VariableSetSerializer):
    """A set that is to be; its organization may be left out by who has only one."""

    organization = serializers.SlugField(  # type: ignore[assignment]
        max_length=64, required=False, write_only=True
    )

    def to_representation(self, instance: VariableSet) -> dict[str, Any]:
        """The set as it is from now on."""
        return dict(VariableSetSerializer(instance).data)


class AssignedProjectsSerializer(serializers.Serializer[VariableSet]):
    """The projects to which a set applies."""

    project_ids = serializers.ListField(
        child=serializers.CharField(max_length=50), max_length=MOST_ASSIGNED
    )


class AssignedWorkspacesSerializer(serializers.Serializer[VariableSet]):
    """The workspaces to which a set applies."""

    workspace_ids = serializers.ListField(
        child=serializers.CharField(max_length=50), max_length=MOST_ASSIGNED
    )


class SetVariableSerializer(VariableSerializer):
    """A version of a set's variable."""

    class Meta(VariableSerializer.Meta):
        model = SetVariable  # type: ignore[assignment]


class VariableSourceSerializer(serializers.Serializer[Variable]):
    """Whose variable it is: the workspace's own, or a set's."""

    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["workspace", "variable_set"]
    )
    variable_set_id = serializers.CharField(allow_null=True)
    variable_set_name = serializers.CharField(allow_null=True)
    scope = serializers.ChoiceField(choices=VariableSetScope.choices, allow_null=True)
    priority = serializers.BooleanField()
    variable_id = serializers.CharField()
    version = serializers.IntegerField()

    def to_representation(self, instance: Variable) -> dict[str, Any]:
        """Names the owner; nothing of the value is here."""
        owner = instance.variable_set if isinstance(instance, SetVariable) else None
        return {
            "source": "variable_set" if owner else "workspace",
            "variable_set_id": owner.variable_set_id if owner else None,
            "variable_set_name": owner.name if owner else None,
            "scope": owner.scope if owner else None,
            "priority": owner.priority if owner else False,
            "variable_id": instance.variable_id,
            "version": instance.version,
        }


class EffectiveVariableSerializer(serializers.Serializer[EffectiveVariable]):
    """The variable that a task would get for a key, where it comes from, and what it overrides."""

    key = serializers.CharField(source="variable.key")
    variable_type = serializers.ChoiceField(
        choices=VariableType.choices, source="variable.variable_type"
    )
    value_format = serializers.ChoiceField(
        choices=ValueFormat.choices, source="variable.value_format"
    )
    value = serializers.SerializerMethodField(
        method_name="shown_value", help_text="Empty where the variable is sensitive"
    )
    sensitive = serializers.BooleanField(source="variable.sensitive")
    description = serializers.CharField(source="variable.description")
    source = VariableSourceSerializer(source="variable")  # type: ignore[assignment]
    overrides = VariableSourceSerializer(many=True)

    @extend_schema_field(serializers.CharField())
    def shown_value(self, effective: EffectiveVariable) -> str:
        """The value, never a sensitive one."""
        return "" if effective.variable.sensitive else effective.variable.value

"""Interrupted applies, and how one state differs from another."""

from rest_framework import serializers

from iacplatform.terraform.state_difference import (
    ChangedResource,
    StateDifference,
    StateSummary,
    ValueChange,
)
from workspaces.api.serializers.states import StateVersionSerializer
from workspaces.api.serializers.tasks import TaskDetailSerializer
from workspaces.models import ResourceChange, StateSource, StateVersion, WorkspaceTask
from workspaces.services.interruptions import Interruption


class StateSummarySerializer(serializers.Serializer[StateSummary]):
    """What a state is known by."""

    lineage = serializers.CharField()
    serial = serializers.IntegerField()
    terraform_version = serializers.CharField()
    resource_count = serializers.IntegerField()


class ValueChangeSerializer(serializers.Serializer[ValueChange]):
    """A value that differs. A secret is `***SENSITIVE***`, what no plan has shown `(not shown)`."""

    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True, help_text="A long one is cut")
    after = serializers.JSONField(allow_null=True, help_text="A long one is cut")
    sensitive = serializers.BooleanField()


class ChangedResourceSerializer(serializers.Serializer[ChangedResource]):
    """A resource that both states have, with what differs."""

    address = serializers.CharField()
    attributes = ValueChangeSerializer(many=True)


class StateDifferenceSerializer(serializers.Serializer[StateDifference]):
    """How one state differs from another; `counts` has the length of each list before it was cut."""

    before = StateSummarySerializer(allow_null=True)
    after = StateSummarySerializer(allow_null=True)
    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())
    changed = ChangedResourceSerializer(many=True)
    tainted = serializers.ListField(
        child=serializers.CharField(), help_text="Half made: the next apply replaces them"
    )
    outputs = ValueChangeSerializer(many=True)
    counts = serializers.DictField(child=serializers.IntegerField())


class UnfinishedChangeSerializer(serializers.ModelSerializer[ResourceChange]):
    """A change that may or may not have been made."""

    class Meta:
        model = ResourceChange
        fields = ["resource_address", "action", "apply_status", "apply_started_at"]
        read_only_fields = fields


class InterruptionSerializer(serializers.Serializer[Interruption]):
    """An apply that was interrupted, what was found of its state, and what to do."""

    task_id = serializers.IntegerField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=StateSource.choices,
        allow_blank=True,
        help_text="Where the state was found; empty while it is looked for",
    )
    interrupted_at = serializers.DateTimeField(allow_null=True)
    host = serializers.CharField(help_text="The worker that applied")
    state_before = StateVersionSerializer(allow_null=True)
    state_after = StateVersionSerializer(
        allow_null=True, help_text="null: the state has not changed, was not found, or is not saved"
    )
    difference = StateDifferenceSerializer(
        allow_null=True, help_text="null where no state was found"
    )
    unfinished = UnfinishedChangeSerializer(
        many=True,
        help_text="Changes of the plan that the log does not say were completed; at most 100",
    )
    keeps_locked = serializers.BooleanField(
        help_text="The workspace stays locked until this is resolved"
    )
    is_unsaved = serializers.BooleanField(help_text="The state has to be saved again first")
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolved_by = serializers.CharField()
    what_happened = serializers.CharField()
    what_to_do = serializers.CharField()


class ResolveInterruptionSerializer(serializers.Serializer[Interruption]):
    """What the one who has looked found; it is kept as a comment of the task."""

    comment = serializers.CharField(max_length=10_000)


class SavedAgainSerializer(serializers.Serializer[WorkspaceTask]):
    """The state version, the task as it is from now on, and what may be cleaned up."""

    state_version: serializers.Serializer[StateVersion] = StateVersionSerializer()
    task = TaskDetailSerializer()
    note = serializers.CharField()

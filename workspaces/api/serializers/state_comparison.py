"""How one version of a state differs from another."""

from rest_framework import serializers

from iacplatform.terraform.state_comparison import (
    ComparedOutputs,
    ComparedResources,
    StateComparison,
)
from workspaces.api.serializers.interruptions import (
    ChangedResourceSerializer,
    StateSummarySerializer,
    ValueChangeSerializer,
)

LARGEST = 2**31 - 1


class ComparisonQuerySerializer(serializers.Serializer[StateComparison]):
    """Which versions are compared."""

    to = serializers.IntegerField(min_value=1, max_value=LARGEST)

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]
        """With ``from``, which Python keeps for itself."""
        number = serializers.IntegerField(min_value=1, max_value=LARGEST)
        return {"from": number, **super().get_fields()}


class ComparedResourcesSerializer(serializers.Serializer[ComparedResources]):
    """Managed resources; lists have at most 100 entries, `counts` says how many there are."""

    added = serializers.ListField(child=serializers.CharField())
    changed = ChangedResourceSerializer(many=True)
    removed = serializers.ListField(child=serializers.CharField())
    tainted = serializers.ListField(
        child=serializers.CharField(), help_text="Half made: the next apply replaces them"
    )
    unchanged = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())


class ComparedOutputsSerializer(serializers.Serializer[ComparedOutputs]):
    """Root outputs; lists have at most 100 entries, `counts` says how many there are."""

    added = ValueChangeSerializer(many=True)
    changed = ValueChangeSerializer(many=True)
    removed = ValueChangeSerializer(many=True)
    unchanged = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())


class StateComparisonSerializer(serializers.Serializer[StateComparison]):
    """How the version `to` differs from the version `from`; secrets are `***SENSITIVE***`."""

    before = StateSummarySerializer()
    after = StateSummarySerializer()
    resources = ComparedResourcesSerializer()
    outputs = ComparedOutputsSerializer()

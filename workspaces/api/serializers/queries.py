"""What is asked for in the query of an address."""

from typing import Any

from rest_framework import serializers

LAST_VERSION = 2**31 - 1


class ForceQuerySerializer(serializers.Serializer[Any]):
    """Whether something is to be done although others are in the way."""

    force = serializers.BooleanField(required=False, default=False)


class CompareQuerySerializer(serializers.Serializer[Any]):
    """Which two versions are compared."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """One of them has a name that Python has taken."""
        return {
            name: serializers.IntegerField(min_value=1, max_value=LAST_VERSION, help_text=text)
            for name, text in (("from", "The earlier version"), ("to", "The later version"))
        }

"""What the API says of projects and grants."""

from typing import Any

from rest_framework import serializers

from iacplatform.accounts.levels import LEVEL_WORDS, Level
from iacplatform.accounts.models import Organization
from workspaces.api.serializers.fields import username_field
from workspaces.models import AccessGrant, Project


class LevelField(serializers.ChoiceField):
    """A level as a word."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=LEVEL_WORDS, **options)

    def to_internal_value(self, data: Any) -> Level:  # type: ignore[override]
        """The level that a word names."""
        return Level.of_word(super().to_internal_value(data))

    def to_representation(self, value: int) -> str:  # type: ignore[override]
        """The word of a level."""
        return Level(value).word


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project."""

    organization = serializers.SlugRelatedField[Organization](slug_field="name", read_only=True)

    class Meta:
        model = Project
        fields = [
            "project_id",
            "organization",
            "name",
            "description",
            "created_at",
            "updated_at",
        ]


class NewProjectSerializer(ProjectSerializer):
    """A project and whose it is."""

    organization = serializers.CharField(  # type: ignore[assignment]
        required=False, max_length=64, help_text="Needed by who belongs to several"
    )

    class Meta(ProjectSerializer.Meta):
        # The one for unique names would make the organization required; the service sees to them.
        validators: list[Any] = []


class WorkspaceProjectSerializer(serializers.Serializer[Any]):
    """The project of a workspace."""

    project_id = serializers.CharField(max_length=50, allow_null=True)


class GrantSerializer(serializers.ModelSerializer[AccessGrant]):
    """Who has which level where."""

    team_id = serializers.SlugRelatedField[Any](
        source="team", slug_field="team_id", read_only=True, allow_null=True
    )
    team = serializers.SlugRelatedField[Any](slug_field="name", read_only=True, allow_null=True)
    user = username_field()
    organization = serializers.SlugRelatedField[Any](
        slug_field="name", read_only=True, allow_null=True
    )
    project_id = serializers.SlugRelatedField[Any](
        source="project", slug_field="project_id", read_only=True, allow_null=True
    )
    workspace_id = serializers.SlugRelatedField[Any](
        source="workspace", slug_field="workspace_id", read_only=True, allow_null=True
    )
    level = LevelField()
    created_by = username_field()

    class Meta:
        model = AccessGrant
        fields = [
            "grant_id",
            "team_id",
            "team",
            "user",
            "organization",
            "project_id",
            "workspace_id",
            "level",
            "created_by",
            "created_at",
        ]


class NewWorkspaceGrantSerializer(serializers.Serializer[Any]):
    """A team and its level in a workspace."""

    team_id = serializers.CharField(max_length=50)
    level = LevelField()


class NewGrantSerializer(NewWorkspaceGrantSerializer):
    """A team and its level in the organization, or in one project or workspace of it."""

    project_id = serializers.CharField(max_length=50, required=False)
    workspace_id = serializers.CharField(max_length=50, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At most one place."""
        if {"project_id", "workspace_id"} <= attrs.keys():
            raise serializers.ValidationError({"workspace_id": "Name one place."})
        return attrs


class GrantChangeSerializer(serializers.Serializer[Any]):
    """Another level."""

    level = LevelField()

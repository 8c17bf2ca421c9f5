"""What the API says of organizations, members, teams and users."""

from typing import Any

from rest_framework import serializers

from iacplatform.accounts.levels import OrganizationRole
from iacplatform.accounts.models import Membership, Organization, Team, User

LARGEST_TEAM = 1000


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    """An organization."""

    class Meta:
        model = Organization
        fields = ["name", "display_name", "created_at"]


class OrganizationChangeSerializer(OrganizationSerializer):
    """What can be changed of one."""

    class Meta(OrganizationSerializer.Meta):
        read_only_fields = ["name"]
        extra_kwargs = {"display_name": {"required": True}}


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """Somebody in an organization."""

    user_id = serializers.IntegerField(read_only=True)
    username = serializers.CharField(source="user.username", max_length=150)
    is_service = serializers.BooleanField(
        source="user.is_service", read_only=True, help_text="Stands for a team or the organization"
    )
    is_owner = serializers.BooleanField(default=False)

    class Meta:
        model = Membership
        fields = ["user_id", "username", "is_service", "is_owner"]


class NewMemberSerializer(serializers.Serializer[Any]):
    """Who is let in."""

    username = serializers.CharField(max_length=150)
    is_owner = serializers.BooleanField(default=False)


class MemberChangeSerializer(serializers.Serializer[Any]):
    """Whether a member is an owner."""

    is_owner = serializers.BooleanField()


class TeamSerializer(serializers.ModelSerializer[Team]):
    """A team."""

    organization = serializers.SlugRelatedField[Organization](slug_field="name", read_only=True)
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=OrganizationRole.choices),
        required=False,
        max_length=len(OrganizationRole),
        help_text="What its members manage for the whole organization",
    )

    class Meta:
        model = Team
        fields = ["team_id", "organization", "name", "description", "roles", "created_at"]


class TeamMembersSerializer(serializers.Serializer[Any]):
    """Who is in a team."""

    usernames = serializers.ListField(
        child=serializers.CharField(max_length=150), max_length=LARGEST_TEAM
    )


class AccountSerializer(serializers.ModelSerializer[User]):
    """A user, for those who administer the installation."""

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "is_active",
            "is_staff",
            "is_superuser",
            "is_service",
            "date_joined",
            "last_login",
        ]
        read_only_fields = ["is_service", "date_joined", "last_login"]


class NewAccountSerializer(AccountSerializer):
    """A user with the first password, which they change."""

    password = serializers.CharField(
        write_only=True, max_length=1000, trim_whitespace=False, required=False
    )

    class Meta(AccountSerializer.Meta):
        fields = [*AccountSerializer.Meta.fields, "password"]

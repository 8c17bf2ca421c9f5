"""What the API says of users and their tokens."""

from rest_framework import serializers

from iacplatform.accounts.levels import TokenScope
from iacplatform.accounts.models import APIToken, User


class LoginSerializer(serializers.Serializer[User]):
    """Credentials."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(
        max_length=1000, trim_whitespace=False, style={"input_type": "password"}
    )


class PasswordSerializer(serializers.Serializer[User]):
    """The password that is, and the one that shall be."""

    current_password = serializers.CharField(
        max_length=1000, trim_whitespace=False, style={"input_type": "password"}
    )
    new_password = serializers.CharField(
        max_length=1000, trim_whitespace=False, style={"input_type": "password"}
    )


class AccessTokenSerializer(serializers.Serializer[User]):
    """What a login gives (the members of RFC 6749 §5.1)."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds")


class UserSerializer(serializers.ModelSerializer[User]):
    """The caller."""

    organizations = serializers.SlugRelatedField[User](slug_field="name", many=True, read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "is_staff",
            "is_superuser",
            "organizations",
        ]


class APITokenSerializer(serializers.ModelSerializer[APIToken]):
    """An API token without its text."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=TokenScope.choices),
        required=False,
        max_length=len(TokenScope),
        help_text="What it opens at most; none: all that its owner may",
    )

    class Meta:
        model = APIToken
        fields = [
            "id",
            "name",
            "hint",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "is_usable",
        ]
        read_only_fields = ["revoked_at", "last_used_at"]


class NewAPITokenSerializer(APITokenSerializer):
    """An API token with its text, which is shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(APITokenSerializer.Meta):
        fields = [*APITokenSerializer.Meta.fields, "token"]

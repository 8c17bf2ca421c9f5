"""``/api/v1/setup``: whether the platform wants setting up, and doing it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from iacplatform.accounts.audit.models import Via
from iacplatform.accounts.audit.recording import begin_audit, end_audit, outcome_of
from iacplatform.accounts.models import User
from iacplatform.accounts.setup.services import set_up, setup_needed
from iacplatform.accounts.throttling import LoginThrottle
from iacplatform.common.errors import DomainError


class SetupNeededSerializer(serializers.Serializer[Any]):
    """Whether anything is left to do."""

    needed = serializers.BooleanField()


class SetupSerializer(serializers.Serializer[Any]):
    """The first administrator."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(
        max_length=1000, trim_whitespace=False, style={"input_type": "password"}
    )
    email = serializers.EmailField(max_length=254)
    organization_name = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="What yours is called"
    )
    token = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, help_text="The set-up token"
    )


class SetupDoneSerializer(serializers.ModelSerializer[User]):
    """The administrator that was made."""

    class Meta:
        model = User
        fields = ["id", "username", "email"]


class SetupView(APIView):
    """Open to everybody, because there is nobody yet; a token says who may."""

    authentication_classes = []

    def get_throttles(self) -> list[BaseThrottle]:
        """Guessing the token counts as signing in does."""
        return [LoginThrottle()] if self.request.method == "POST" else []

    @extend_schema(operation_id="setup_needed", responses=SetupNeededSerializer, auth=[])
    def get(self, request: Request) -> Response:
        """Says whether there is no administrator yet."""
        return Response({"needed": setup_needed()})

    @extend_schema(
        operation_id="set_up",
        request=SetupSerializer,
        responses={201: SetupDoneSerializer},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Makes the first administrator, once. Conflict ever after."""
        serializer = SetupSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = audited_setup(request, serializer.validated_data)
        return Response(SetupDoneSerializer(user).data, status=status.HTTP_201_CREATED)


def audited_setup(request: Any, values: dict[str, Any]) -> User:
    """Sets up, with an entry in the audit log; raises what :func:`set_up` raises."""
    entry = begin_audit(
        request, action="setup", via=Via.SETUP, object_type="user", object_name=values["username"]
    )
    try:
        user = set_up(**values)
    except DomainError as error:
        end_audit(entry, outcome_of(error))
        raise
    end_audit(entry, status.HTTP_201_CREATED)
    return user

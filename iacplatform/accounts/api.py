"""Signing in, and the caller's own tokens."""

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from iacplatform.accounts.access_tokens import issue_access_token
from iacplatform.accounts.audit.models import Via
from iacplatform.accounts.audit.recording import DONE, begin_audit, end_audit
from iacplatform.accounts.models import APIToken, User
from iacplatform.accounts.serializers import (
    AccessTokenSerializer,
    APITokenSerializer,
    LoginSerializer,
    NewAPITokenSerializer,
    UserSerializer,
)
from iacplatform.accounts.services import create_api_token, revoke_api_token
from iacplatform.accounts.throttling import AccountThrottle, LoginThrottle
from iacplatform.common.errors import Forbidden


def signed_in_user(request: Request) -> User:
    """The caller of a view that only signed-in users reach."""
    assert isinstance(request.user, User)  # noqa: S101  # the permission has said so
    return request.user


def access_token_response(user: User) -> Response:
    """An answer with a fresh access token, which nobody may keep."""
    return Response(
        {
            "access_token": issue_access_token(user),
            "token_type": "Bearer",
            "expires_in": settings.JWT_LIFETIME_SECONDS,
        },
        headers={"Cache-Control": "no-store"},
    )


class LoginView(APIView):
    """Gives an access token for a user name and a password."""

    authentication_classes = []
    throttle_classes = [LoginThrottle, AccountThrottle]

    @extend_schema(
        operation_id="login", request=LoginSerializer, responses=AccessTokenSerializer, auth=[]
    )
    def post(self, request: Request) -> Response:
        """Signs in. A wrong name and a wrong password answer alike, after the same time."""
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = authenticate(request, **serializer.validated_data)
        found = user if isinstance(user, User) else None
        name = serializer.validated_data["username"]
        entry = begin_audit(
            request, action="auth.login", via=Via.LOGIN, actor=found, actor_name=name
        )
        if found is None:
            end_audit(entry, AuthenticationFailed.status_code)
            raise AuthenticationFailed("The user name or the password is wrong.")
        update_last_login(User, found)
        end_audit(entry, DONE)
        return access_token_response(found)

    def get_authenticate_header(self, request: Request) -> str:
        """A refused login is a 401, although nobody needs a token to try."""
        return 'Bearer realm="api"'


class MeView(APIView):
    """The caller."""

    @extend_schema(operation_id="me", responses=UserSerializer)
    def get(self, request: Request) -> Response:
        """Says who the caller is and to which organizations they belong."""
        return Response(UserSerializer(signed_in_user(request)).data)


def new_token_answer(request: Request, make: Callable[..., tuple[APIToken, str]]) -> Response:
    """Makes the token that a request asks for; its text is in this answer and never again."""
    serializer = APITokenSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    within = request.auth if isinstance(request.auth, APIToken) else None
    token, text = make(within=within, **serializer.validated_data)
    body = {**APITokenSerializer(token).data, "token": text}
    headers = {"Cache-Control": "no-store"}
    return Response(body, status=status.HTTP_201_CREATED, headers=headers)


class APITokenViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.DestroyModelMixin,
    GenericViewSet[APIToken],
):
    """The caller's API tokens."""

    queryset = APIToken.objects.all()
    serializer_class = APITokenSerializer
    filter_backends = []
    lookup_url_kwarg = "token_id"

    def get_queryset(self) -> QuerySet[APIToken]:
        """Nobody sees another's tokens."""
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        return queryset.filter(user=signed_in_user(self.request))

    @extend_schema(responses={201: NewAPITokenSerializer})
    def create(self, request: Request) -> Response:
        """Creates a token; its text is in this answer and never again."""
        user = signed_in_user(request)
        if user.is_service:
            raise Forbidden("Tokens of teams and organizations are made by owners")
        return new_token_answer(request, partial(create_api_token, user))

    def perform_destroy(self, instance: APIToken) -> None:
        """Revokes it; the row stays in the list."""
        revoke_api_token(instance)

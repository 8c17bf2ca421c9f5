"""Signing out, changing one's password, and an access token for a browser that is signed in."""

from django.contrib.auth import logout, update_session_auth_hash
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iacplatform.accounts.api import access_token_response, signed_in_user
from iacplatform.accounts.audit.models import Via
from iacplatform.accounts.audit.recording import audited
from iacplatform.accounts.models import APIToken
from iacplatform.accounts.serializers import AccessTokenSerializer, PasswordSerializer
from iacplatform.accounts.sessions import change_password, revoke_access_token
from iacplatform.accounts.throttling import AccountThrottle, LoginThrottle
from iacplatform.common.errors import Conflict


class LogoutView(APIView):
    """Ends what the caller came with: an access token or a browser's session."""

    @extend_schema(operation_id="logout", request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Signs out. Conflict for an API token, which is revoked instead."""
        if isinstance(request.auth, APIToken):
            raise Conflict("An API token has no session: revoke it at /api/v1/auth/tokens")
        with audited(request, action="auth.logout", via=Via.LOGIN):
            if isinstance(request.auth, str):
                revoke_access_token(request.auth)
            else:
                logout(request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(APIView):
    """The caller's own password."""

    throttle_classes = [LoginThrottle]

    @extend_schema(
        operation_id="change_password",
        request=PasswordSerializer,
        responses=AccessTokenSerializer,
    )
    def post(self, request: Request) -> Response:
        """Changes it, ends all other sessions, and answers with a new access token.

        API tokens stay as they are.
        """
        user = signed_in_user(request)
        serializer = PasswordSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        limit = AccountThrottle()
        if not limit.allow_name(user.get_username()):
            self.throttled(request, limit.wait() or 0)
        values = serializer.validated_data
        with audited(request, action="auth.password", object_type="user", object_id=user.pk):
            change_password(user, current=values["current_password"], new=values["new_password"])
        if request.auth is None:
            update_session_auth_hash(request, user)
        return access_token_response(user)


class SessionTokenView(APIView):
    """For front ends: a browser that has signed in gets an access token to call the API with.

    The session counts only together with Django's CSRF token, so that no other site's page can ask.
    """

    authentication_classes = [SessionAuthentication]

    @extend_schema(operation_id="session_token", request=None, responses=AccessTokenSerializer)
    def post(self, request: Request) -> Response:
        """Gives an access token for the browser's session."""
        with audited(request, action="auth.session_token", via=Via.LOGIN):
            return access_token_response(signed_in_user(request))

    def get_authenticate_header(self, request: Request) -> str:
        """Who has no session is asked to sign in, as everywhere: 401 rather than 403."""
        return 'Session realm="api"'

"""``/api/v1/auth/oidc``: to the provider and back, with a session for the browser."""

from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from iacplatform.accounts.audit.models import Via
from iacplatform.accounts.audit.recording import begin_audit, end_audit
from iacplatform.accounts.models import User
from iacplatform.accounts.oidc.client import (
    ProviderAway,
    SignInRefused,
    claims_of_callback,
    is_configured,
    redirect_to_provider,
)
from iacplatform.accounts.oidc.users import user_of
from iacplatform.accounts.throttling import LoginThrottle

NEXT = "oidc_next"
CALLBACK = "/api/v1/auth/oidc/callback"
BACKEND = "django.contrib.auth.backends.ModelBackend"
AWAY = "The sign-in provider does not answer as it should. Try again in a moment."
logger = structlog.get_logger(__name__)


class OIDCView(APIView):
    """Pages of a browser, open to everybody; not there where no provider is configured."""

    authentication_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raises ``Http404`` without a provider."""
        if not is_configured():
            raise Http404
        super().initial(request, *args, **kwargs)


class OIDCLoginView(OIDCView):
    """Where the sign-in button leads."""

    throttle_classes = [LoginThrottle]

    @extend_schema(
        operation_id="oidc_login",
        auth=[],
        parameters=[OpenApiParameter("next", description="Where to go afterwards")],
        responses={302: OpenApiResponse(description="To the provider")},
    )
    def get(self, request: Request) -> HttpResponse:
        """Sends the browser to the provider; where that is away, a page says so (502)."""
        request.session[NEXT] = _safe(request, request.query_params.get("next", "/"))
        try:
            redirect: HttpResponse = redirect_to_provider(
                request, settings.BASE_URL.rstrip("/") + CALLBACK
            )
        except ProviderAway as error:
            logger.warning("oidc_provider_away", error=str(error))
            return _page(request, AWAY, 502)
        redirect["Cache-Control"] = "no-store"
        return redirect


class OIDCCallbackView(OIDCView):
    """Where the provider sends the browser back to."""

    @extend_schema(
        operation_id="oidc_callback",
        auth=[],
        parameters=[OpenApiParameter(name) for name in ("code", "state", "iss", "error")],
        responses={302: OpenApiResponse(description="Signed in; to where the sign-in was begun")},
    )
    def get(self, request: Request) -> HttpResponse:
        """Signs the browser in as the user whom the provider vouches for.

        Where it is refused (403), or the provider is away (502), a page says why.
        """
        claims: dict[str, Any] = {}
        try:
            claims = claims_of_callback(request)
            user = user_of(claims)
        except ProviderAway as error:
            logger.warning("oidc_provider_away", error=str(error))
            return _refused(request, claims, AWAY, 502)
        except SignInRefused as error:
            logger.warning("oidc_refused", error=str(error))
            reason = str(error) if claims else "The sign-in was not completed. Begin it again."
            return _refused(request, claims, reason, 403)
        return _signed_in(request, user)


def _signed_in(request: Request, user: User) -> HttpResponse:
    target = request.session.pop(NEXT, "/")
    entry = begin_audit(request, action="auth.login", via=Via.OIDC, actor=user)
    login(request, user, backend=BACKEND)
    get_token(request)  # sets the cookie that posts from a page need
    end_audit(entry, 302)
    response = HttpResponseRedirect(target)
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: Request, claims: dict[str, Any], reason: str, status: int) -> HttpResponse:
    name = str(claims.get(settings.OIDC_USERNAME_CLAIM) or claims.get("sub") or "")
    entry = begin_audit(request, action="auth.login", via=Via.OIDC, actor=None, actor_name=name)
    end_audit(entry, status)
    return _page(request, reason, status)


def _page(request: Request, reason: str, status: int) -> HttpResponse:
    context = {"reason": reason}
    return render(request, "accounts/oidc_refused.html", context, status=status)


def _safe(request: Request, target: str) -> str:
    """``next`` if it leads to this host or to one of ``ALLOWED_ORIGINS``, else the start page."""
    hosts = {request.get_host(), *(urlsplit(each).netloc for each in settings.ALLOWED_ORIGINS)}
    secure = settings.SECURE_COOKIES
    return target if url_has_allowed_host_and_scheme(target, hosts, require_https=secure) else "/"

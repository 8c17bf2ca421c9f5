"""Addresses below ``/api/v1/auth``."""

from django.urls import include, path

from iacplatform.accounts.api import APITokenViewSet, LoginView, MeView
from iacplatform.accounts.session_api import LogoutView, PasswordView, SessionTokenView
from iacplatform.common import converters  # noqa: F401  # registers `pk`

urlpatterns = [
    path("login", LoginView.as_view()),
    path("logout", LogoutView.as_view()),
    path("password", PasswordView.as_view()),
    path("session-token", SessionTokenView.as_view()),
    path("oidc/", include("iacplatform.accounts.oidc.urls")),
    path("me", MeView.as_view()),
    path("tokens", APITokenViewSet.as_view({"get": "list", "post": "create"})),
    path("tokens/<pk:token_id>", APITokenViewSet.as_view({"delete": "destroy"})),
]

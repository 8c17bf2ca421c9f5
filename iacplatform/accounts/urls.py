"""Addresses below ``/api/v1/auth``."""

from django.urls import path

from iacplatform.accounts.api import APITokenViewSet, LoginView, MeView
from iacplatform.common import converters  # noqa: F401  # registers `pk`

urlpatterns = [
    path("login", LoginView.as_view()),
    path("me", MeView.as_view()),
    path("tokens", APITokenViewSet.as_view({"get": "list", "post": "create"})),
    path("tokens/<pk:token_id>", APITokenViewSet.as_view({"delete": "destroy"})),
]

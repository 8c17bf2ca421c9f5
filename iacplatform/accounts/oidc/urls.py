"""Addresses below ``/api/v1/auth/oidc``."""

from django.urls import path

from iacplatform.accounts.oidc.api import OIDCCallbackView, OIDCLoginView

urlpatterns = [
    path("login", OIDCLoginView.as_view(), name="oidc-login"),
    path("callback", OIDCCallbackView.as_view(), name="oidc-callback"),
]

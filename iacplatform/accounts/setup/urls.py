"""Addresses of the set-up below ``/api/v1``."""

from django.urls import path

from iacplatform.accounts.setup.api import SetupView

urlpatterns = [path("setup", SetupView.as_view())]

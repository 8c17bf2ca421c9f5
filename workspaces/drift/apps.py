"""Drift: what was changed outside of the platform."""

from django.apps import AppConfig


class DriftConfig(AppConfig):
    """Drift: what was changed outside of the platform."""

    name = "workspaces.drift"
    label = "drift"
    verbose_name = "Drift"
    default_auto_field = "django.db.models.BigAutoField"

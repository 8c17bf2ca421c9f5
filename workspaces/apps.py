"""What the platform knows."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    """Workspaces and all that belongs to them."""

    name = "workspaces"
    default_auto_field = "django.db.models.BigAutoField"

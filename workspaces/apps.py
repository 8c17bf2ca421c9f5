"""What the platform knows."""

from importlib import import_module

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    """Workspaces and all that belongs to them."""

    name = "workspaces"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connects the receivers."""
        import_module("workspaces.receivers")

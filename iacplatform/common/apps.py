"""What every app shares, and the outbox."""

from importlib import import_module

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Shared parts."""

    name = "iacplatform.common"
    label = "common"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Loads the admin's pages, and the Celery application, so that tasks are published with its settings."""
        import_module("iacplatform.celery")
        import_module("iacplatform.common.outbox.admin")

"""What every app shares; has commands but no tables."""

from importlib import import_module

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Shared parts."""

    name = "iacplatform.common"
    label = "common"

    def ready(self) -> None:
        """Loads the Celery application, so that tasks are published with its settings."""
        import_module("iacplatform.celery")

"""How a task is run."""

from importlib import import_module

from django.apps import AppConfig


class ExecutorConfig(AppConfig):
    """Pipeline, claims and workers."""

    name = "executor"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connects the receivers and the worker's life cycle."""
        import_module("executor.receivers")
        import_module("executor.worker_life")

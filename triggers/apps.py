"""Run triggers: an apply in one workspace starts a task in another."""

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    """Run triggers: an apply in one workspace starts a task in another."""

    name = "triggers"
    verbose_name = "Run triggers"
    default_auto_field = "django.db.models.BigAutoField"

"""External checks of tasks."""

from django.apps import AppConfig


class RunTasksConfig(AppConfig):
    """RunTasks: who is asked, when, and what they said."""

    name = "runtasks"
    verbose_name = "Run tasks"
    default_auto_field = "django.db.models.BigAutoField"

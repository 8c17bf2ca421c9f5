"""Messages to people and machines about what happens to tasks."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Messages to people and machines about what happens to tasks."""

    name = "notifications"
    verbose_name = "Notifications"
    default_auto_field = "django.db.models.BigAutoField"

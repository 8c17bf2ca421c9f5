"""Organizations, users and their tokens."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who is there."""

    name = "iacplatform.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registers how the OpenAPI document describes the bearer tokens, and connects the receivers."""
        import_module("iacplatform.accounts.openapi")
        import_module("iacplatform.accounts.receivers")

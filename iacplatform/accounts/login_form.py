"""The admin's login form, with the limits of every login and a way to the OpenID provider."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError

from iacplatform.accounts.oidc.client import is_configured
from iacplatform.accounts.throttling import login_allowed

TOO_MANY = "Too many attempts: wait a minute."


class LoginForm(AdminAuthenticationForm):
    """Counts its attempts together with those of the API."""

    def provider_is_configured(self) -> bool:
        """Whether to show the button."""
        return is_configured()

    def clean(self) -> dict[str, Any]:
        """Raises ``ValidationError`` before any password is looked at, where there were too many."""
        username = self.cleaned_data.get("username")
        if self.request and username and not login_allowed(self.request, username):
            raise ValidationError(TOO_MANY, code="throttled")
        return super().clean()

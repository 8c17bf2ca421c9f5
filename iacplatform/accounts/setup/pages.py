"""``/setup``: the form for a person with a browser, which needs no script."""

from typing import Any

from django import forms
from django.contrib.auth import login
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from rest_framework.request import Request

from iacplatform.accounts.setup.api import audited_setup
from iacplatform.accounts.setup.services import setup_needed
from iacplatform.accounts.throttling import LoginThrottle
from iacplatform.common import pages
from iacplatform.common.errors import DomainError

BACKEND = "django.contrib.auth.backends.ModelBackend"


class SetupForm(forms.Form):
    """What the API's body has, and the password a second time, because nobody sees it."""

    token = forms.CharField(
        label="Set-up token",
        max_length=1000,
        help_text="manage.py setup_token prints one; or the setting SETUP_TOKEN.",
    )
    username = forms.CharField(label="User name", max_length=150)
    email = forms.EmailField(label="E-mail address")
    password = forms.CharField(max_length=1000, strip=False, widget=forms.PasswordInput)
    repeated = forms.CharField(
        label="Password again", max_length=1000, strip=False, widget=forms.PasswordInput
    )
    organization_name = forms.CharField(
        label="Organization", max_length=200, required=False, help_text="What yours is called."
    )

    def clean(self) -> dict[str, Any]:
        """Both passwords are the same."""
        cleaned = super().clean() or {}
        if cleaned.get("password") != cleaned.pop("repeated", None):
            self.add_error("repeated", "This is not the same password.")
        return cleaned


@sensitive_post_parameters("password", "repeated", "token")
@never_cache
@require_http_methods(["GET", "POST"])
def setup_page(request: HttpRequest) -> HttpResponse:
    """Asks for the first administrator, makes them and signs them in."""
    if not setup_needed():
        return redirect("home")
    form = SetupForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = _submitted(request, form)
        if status == 302:
            return redirect("admin:index")
    return render(request, "accounts/setup.html", {"form": form}, status=status)


def _submitted(request: HttpRequest, form: SetupForm) -> int:
    """Sets up if the form lets it; 302 where it worked, else why is in the form."""
    if not LoginThrottle().allow_request(Request(request), None):
        form.add_error(None, "Too many attempts: wait a minute.")
        return 429
    if not form.is_valid():
        return 400
    try:
        user = audited_setup(request, form.cleaned_data)
    except DomainError as error:
        field = next(iter(error.fields), None)
        form.add_error(field, error.fields[field] if field else str(error))
        return error.status
    login(request, user, backend=BACKEND)
    return 302


def home(request: HttpRequest) -> HttpResponse:
    """``/``: leads to the set-up while it is needed."""
    try:
        needed = setup_needed()
    except DatabaseError:
        needed = False  # the page says where to look what is wrong
    return redirect("setup") if needed else pages.home(request)

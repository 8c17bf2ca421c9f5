"""Binding users to identities by hand, and the sign-in button."""

from typing import TYPE_CHECKING

from django.contrib import admin

from iacplatform.accounts.oidc.models import OIDCIdentity

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[OIDCIdentity]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(OIDCIdentity)
class OIDCIdentityAdmin(_ModelAdmin):
    """Who may sign in as whom: an administrator binds an account that was here before."""

    list_display = ["subject", "issuer", "user", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["subject", "user__username"]
    autocomplete_fields = ["user"]
    fields = ["user", "issuer", "subject"]

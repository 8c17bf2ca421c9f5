"""Who is there: users, organizations and API tokens."""

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from iacplatform.accounts.audit import admin as audit_admin  # noqa: F401  # registers the log
from iacplatform.accounts.login_form import LoginForm
from iacplatform.accounts.models import APIToken, Membership, Organization, Team, User
from iacplatform.accounts.oidc import admin as oidc_admin  # noqa: F401  # registers identities
from iacplatform.accounts.services import revoke_api_token
from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import badge

admin.site.login_form = LoginForm
admin.site.login_template = "accounts/admin_login.html"

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Organization]
    _MembershipInline = admin.TabularInline[Membership, Any]
    _UserAdmin = DjangoUserAdmin[User]
    _TeamAdmin = admin.ModelAdmin[Team]
else:
    _ModelAdmin = admin.ModelAdmin
    _MembershipInline = admin.TabularInline
    _UserAdmin = DjangoUserAdmin
    _TeamAdmin = admin.ModelAdmin


class MembershipInline(_MembershipInline):
    """Who belongs to what."""

    model = Membership
    extra = 0
    autocomplete_fields = ["user", "organization"]


@admin.register(User)
class UserAdmin(_UserAdmin):
    """Django's own, with the organizations whose workspaces a user sees."""

    inlines = [MembershipInline]


@admin.register(Organization)
class OrganizationAdmin(_ModelAdmin):
    """Owners of workspaces."""

    list_display = ["name", "display_name", "created_at"]
    search_fields = ["name", "display_name"]
    fields = ["name", "display_name"]
    inlines = [MembershipInline]


@admin.register(Team)
class TeamAdmin(_TeamAdmin):
    """Who may do the same; what that is, is in their roles and grants."""

    list_display = ["name", "organization", "roles", "team_id"]
    list_filter = ["organization"]
    list_select_related = ["organization"]
    search_fields = ["name", "team_id", "description"]
    fields = ["organization", "name", "description", "roles", "members"]
    autocomplete_fields = ["organization", "members"]

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        """Nobody: its grants and tokens would go too, which the API does."""
        return False


@admin.register(APIToken)
class APITokenAdmin(ReadOnlyAdmin):
    """Every API token, without what could open anything; tokens are made through the API."""

    list_display = ["name", "hint", "user", "state", "created_at", "expires_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["name", "hint", "user__username"]
    actions = ["revoke"]
    fields = [
        ("name", "hint"),
        ("user", "team", "organization"),
        "scopes",
        "state",
        ("created_by", "created_at", "expires_at", "last_used_at", "revoked_at"),
    ]

    def offered_actions(self, obj: APIToken) -> Collection[str]:
        """Revoking, where there is something to revoke."""
        return {"revoke"} if obj.revoked_at is None else ()

    @admin.display(description="state")
    def state(self, token: APIToken) -> SafeString:
        """Whether the token opens anything."""
        if token.revoked_at is not None:
            return badge("Revoked", "idle")
        if token.expires_at is not None and token.expires_at <= timezone.now():
            return badge("Expired", "idle")
        return badge("Usable", "good") if token.user.is_active else badge("User inactive", "idle")

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[APIToken]) -> HttpResponse | None:
        """Ends tokens at once."""
        for token in queryset:
            self.attempt(request, partial(self._revoke, request, token))
        return self.back(queryset)

    def _revoke(self, request: HttpRequest, token: APIToken) -> str:
        revoke_api_token(token)
        message = f"{token} of {token.user} was revoked"
        self.log_change(request, token, message)
        return message

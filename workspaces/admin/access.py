"""Projects, and who has which level where."""

from django.contrib import admin

from iacplatform.common.admin import ReadOnlyAdmin
from workspaces.models import AccessGrant, Project


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    """Workspaces that belong together; they are made through the API."""

    list_display = ["name", "organization", "project_id", "created_at"]
    list_filter = ["organization"]
    list_select_related = ["organization"]
    search_fields = ["name", "project_id", "description"]
    fields = [("name", "project_id"), "organization", "description", ("created_at", "updated_at")]


@admin.register(AccessGrant)
class AccessGrantAdmin(ReadOnlyAdmin):
    """Every grant: the most specific place counts; owners and superusers need none."""

    list_display = [
        "grant_id",
        "level",
        "team",
        "user",
        "organization",
        "project",
        "workspace",
        "created_at",
    ]
    list_filter = ["level"]
    list_select_related = ["team", "user", "organization", "project", "workspace"]
    search_fields = ["grant_id", "team__name", "user__username", "workspace__name"]
    fields = [
        ("grant_id", "level"),
        ("team", "user"),
        ("organization", "project", "workspace"),
        ("created_by", "created_at"),
    ]

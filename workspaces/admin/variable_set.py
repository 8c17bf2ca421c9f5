"""Variable sets and their variables; changed through services, which version them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import object_link
from workspaces.admin.configuration import HIDDEN
from workspaces.models import SetVariable, VariableSet


@admin.register(VariableSet)
class VariableSetAdmin(ReadOnlyAdmin):
    """Which sets there are, and how they rank."""

    list_display = ["name", "organization", "scope", "priority", "order", "is_deleted"]
    list_filter = ["is_deleted", "scope", "priority", "organization"]
    list_select_related = ["organization"]
    search_fields = ["name", "variable_set_id", "description"]
    fields = [
        ("name", "variable_set_id"),
        "organization",
        "description",
        ("scope", "priority", "order"),
        "is_deleted",
        ("created_by", "created_at", "updated_at"),
    ]


@admin.register(SetVariable)
class SetVariableAdmin(ReadOnlyAdmin):
    """Every version of every variable of a set."""

    list_display = [
        "key",
        "owner",
        "variable_type",
        "sensitive",
        "version",
        "is_current",
        "is_deleted",
        "created_by",
        "created_at",
    ]
    list_filter = ["is_current", "is_deleted", "variable_type", "sensitive"]
    search_fields = ["key", "variable_id", "variable_set__name", "variable_set__variable_set_id"]
    fields = [
        "owner",
        ("key", "variable_id"),
        ("version", "is_current", "is_deleted"),
        "shown_value",
        ("variable_type", "value_format", "sensitive"),
        "description",
        ("created_by", "created_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SetVariable]:
        """Leaves the values in the database; only a variable's own page reads one."""
        related = super().get_queryset(request).select_related("variable_set", "created_by")
        return related.defer("value")

    @admin.display(description="variable set", ordering="variable_set__name")
    def owner(self, variable: SetVariable) -> SafeString | str:
        """The set, as a link."""
        return object_link(variable.variable_set)

    @admin.display(description="value")
    def shown_value(self, variable: SetVariable) -> str:
        """The value, unless it is sensitive; so are the versions from before it became so."""
        versions = SetVariable.objects.filter(variable_id=variable.variable_id)
        return HIDDEN if versions.filter(sensitive=True).exists() else variable.value

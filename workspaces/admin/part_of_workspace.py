"""What the pages of all that belongs to a workspace share."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from iacplatform.common.admin import ReadOnlyAdmin
from iacplatform.common.presentation import object_link

LARGE = ("workspace__tf_code", "workspace__provider_config", "workspace__lock_file")


class PartOfWorkspaceAdmin(ReadOnlyAdmin):
    """Rows that belong to a workspace."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the workspace, without what of it may be large or secret."""
        return super().get_queryset(request).select_related("workspace").defer(*LARGE)

    @admin.display(description="workspace", ordering="workspace__name")
    def workspace_name(self, part: Any) -> SafeString | str:
        """The workspace, as a link."""
        return object_link(part.workspace)

"""What the admin pages of all apps share: rows are shown, and changed by actions that call services."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from iacplatform.common.errors import DomainError
from iacplatform.common.pagination import CappedPaginator

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


@dataclass(frozen=True)
class Confirmation:
    """What an action asks before it acts: a table of what it would act on.

    ``rows`` holds the id and the cells of each object, ``details`` is what stands below them. With
    ``note_label`` the operator is asked for a sentence, which the action finds in :func:`note`.
    """

    action: str
    title: str
    explanation: str
    columns: Sequence[str]
    submit_label: str
    note_label: str = ""
    note_required: bool = False
    rows: Sequence[tuple[Any, Sequence[Any]]] = ()
    details: SafeString | str = ""


class ReadOnlyAdmin(_ModelAdmin):
    """Shows a model's rows; nothing can be added, changed or deleted by a form.

    An action with ``permissions=["operate"]`` is for users who may change the model.
    """

    change_form_template = "admin/iacplatform/change_form.html"
    # A table of a million rows is neither counted nor paged through to its end.
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    class Media:
        css = {"all": ["iacplatform/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows are changed by services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows are deleted by services."""
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may run this model's actions."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}"))

    def offered_actions(self, obj: Any) -> Collection[str]:
        """Names of the actions that an object's own page has a button for."""
        return ()

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Adds the buttons of the actions that the user may run on this object."""
        offered = self.offered_actions(context["original"])
        choices = self.get_action_choices(request)
        context["object_actions"] = [choice for choice in choices if choice[0] in offered]
        return super().render_change_form(request, context, *args, **kwargs)

    def attempt(self, request: HttpRequest, verb: Callable[[], str]) -> None:
        """Calls a service and tells the operator what came of it, or why it was refused."""
        try:
            self.message_user(request, verb(), messages.SUCCESS)
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)

    def confirmation_page(self, request: HttpRequest, ask: Confirmation) -> HttpResponse:
        """The page that asks; its button posts the same action again, see :func:`is_confirmed`."""
        context = {
            **self.admin_site.each_context(request),
            "title": ask.title,
            "opts": self.opts,
            "media": self.media,
            "confirmation": ask,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/iacplatform/confirmation.html", context)

    def ask_first(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        ask: Confirmation,
        cells: Callable[[Any], Sequence[Any]],
    ) -> HttpResponse | None:
        """The page that asks, with ``cells`` of each object; nothing once it was answered."""
        if is_confirmed(request):
            return None
        rows = [(row.pk, cells(row)) for row in queryset]
        return self.confirmation_page(request, replace(ask, rows=rows))

    def back(self, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Where an action leads: to the page of a single object, else back to the list."""
        ids = list(queryset.values_list("pk", flat=True)[:2])
        if len(ids) != 1:
            return None
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=ids))


def is_confirmed(request: HttpRequest) -> bool:
    """Whether an action was posted from its confirmation page."""
    return request.POST.get("confirmed") == "yes"


def note(request: HttpRequest) -> str:
    """The sentence the operator gave on a confirmation page."""
    return request.POST.get("note", "").strip()

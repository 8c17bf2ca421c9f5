"""Which workspaces a workspace triggers, and which trigger it."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.common.conditional import conditional, hold_object
from iacplatform.common.idempotency import idempotent_actions
from triggers.api.filters import LinkableFilter
from triggers.api.pages import AvailableWorkspacesPagination
from triggers.api.serializers.run_triggers import (
    CreatedTriggerSerializer,
    InboundTriggersSerializer,
    LinkableWorkspaceSerializer,
    NewInboundTriggerSerializer,
    NewOutboundTriggerSerializer,
    NewRunTriggerSerializer,
    OutboundTriggersSerializer,
    RunTriggerSerializer,
)
from triggers.models import RunTrigger
from triggers.services.configuration import (
    End,
    create_run_trigger,
    delete_run_trigger,
    linkable,
    switch_run_trigger,
)
from triggers.services.graph import changing_the_graph
from workspaces.api.access import WorkspaceView
from workspaces.models import Workspace

RELATED = ("source", "target", "created_by")
LARGE = tuple(
    f"{end}__{field}"
    for end in ("source", "target")
    for field in ("tf_code", "provider_config", "lock_file")
)


@conditional()
@idempotent_actions("create", "create_inbound")
class RunTriggerViewSet(
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    WorkspaceView[RunTrigger],
):
    """The run triggers of a workspace, in both directions."""

    queryset = RunTrigger.objects.all()
    serializer_class = RunTriggerSerializer
    filter_backends = []
    lookup_field = "run_trigger_id"

    def hold_for_change(self) -> None:
        """Locks the graph before the trigger, as switching does."""
        with changing_the_graph(self.workspace):
            hold_object(self)

    def rows(self) -> QuerySet[RunTrigger]:
        """Those that begin or end at the workspace."""
        either = Q(source=self.workspace) | Q(target=self.workspace)
        return _shown(RunTrigger.objects.filter(either))

    @extend_schema(
        operation_id="workspaces_run_triggers_outbound", responses=OutboundTriggersSerializer
    )
    def outbound(self, request: Request, **_: Any) -> Response:
        """What the applies of this workspace start, and which of it is applied without approval."""
        triggers = _shown(self.workspace.outbound_triggers.all())
        warnings = [_warning(each.target) for each in triggers if each.enabled]
        shown = {"run_triggers": triggers, "auto_apply_warnings": list(filter(None, warnings))}
        return Response(OutboundTriggersSerializer(shown).data)

    @extend_schema(
        operation_id="workspaces_run_triggers_inbound", responses=InboundTriggersSerializer
    )
    def inbound(self, request: Request, **_: Any) -> Response:
        """What starts tasks of this workspace."""
        shown = {"inbound_triggers": _shown(self.workspace.inbound_triggers.all())}
        return Response(InboundTriggersSerializer(shown).data)

    @extend_schema(request=NewOutboundTriggerSerializer, responses={201: CreatedTriggerSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Lets the applies of this workspace start tasks of another.

        400 for this workspace itself, for one that has such a trigger already, and where the trigger
        would close a cycle; disabled triggers count, too.
        """
        fields = self._read(NewOutboundTriggerSerializer)
        target = fields.pop("target_workspace_id")
        return self._created(self.workspace, target, other_end="target", **fields)

    @extend_schema(
        operation_id="workspaces_run_triggers_inbound_create",
        request=NewInboundTriggerSerializer,
        responses={201: CreatedTriggerSerializer},
    )
    def create_inbound(self, request: Request, **_: Any) -> Response:
        """Lets the applies of another workspace start tasks of this one; refused as the other direction."""
        fields = self._read(NewInboundTriggerSerializer)
        source = fields.pop("source_workspace_id")
        return self._created(source, self.workspace, other_end="source", **fields)

    def _read(self, serializer_class: type[NewRunTriggerSerializer]) -> dict[str, Any]:
        context = {"visible": Workspace.objects.visible_to(self.user)}
        serializer = serializer_class(data=self.request.data, context=context)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def _created(
        self, source: Workspace, target: Workspace, *, other_end: End, enabled: bool
    ) -> Response:
        trigger = create_run_trigger(
            source, target, user=self.user, other_end=other_end, enabled=enabled
        )
        shown = {
            "message": f"Applies of {source.name} start tasks of {target.name}",
            "run_trigger": trigger,
            "warning": _warning(target),
        }
        return Response(CreatedTriggerSerializer(shown).data, status=201)

    def perform_update(self, serializer: BaseSerializer[RunTrigger]) -> None:
        """Switches the trigger on or off."""
        assert serializer.instance is not None  # noqa: S101
        enabled = serializer.validated_data.get("enabled", serializer.instance.enabled)
        switch_run_trigger(serializer.instance, user=self.user, enabled=enabled)

    def perform_destroy(self, instance: RunTrigger) -> None:
        """Removes the trigger."""
        delete_run_trigger(instance, user=self.user)


class LinkableWorkspaceViewSet(mixins.ListModelMixin, WorkspaceView[Workspace]):
    """Workspaces that can be the other end of a trigger of this one."""

    queryset = Workspace.objects.all()
    serializer_class = LinkableWorkspaceSerializer
    filterset_class = LinkableFilter
    pagination_class = AvailableWorkspacesPagination
    other_end: End = "target"

    def rows(self) -> QuerySet[Workspace]:
        """Without those that have such a trigger, and those with which it would close a cycle."""
        return linkable(self.workspace, user=self.user, other_end=self.other_end)


def _shown(triggers: QuerySet[RunTrigger]) -> QuerySet[RunTrigger]:
    return triggers.select_related(*RELATED).defer(*LARGE)


def _warning(target: Workspace) -> str:
    if not target.auto_apply:
        return ""
    return f"{target.name} applies by itself what it plans: nobody approves what is triggered there"

"""Resources: their code, their versions, and plans of only some of them."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from iacplatform.common.conditional import conditional
from iacplatform.common.idempotency import idempotent_actions
from workspaces.api.access import WorkspaceView
from workspaces.api.downloads import attachment
from workspaces.api.filters import ResourceFilter
from workspaces.api.serializers.queries import CompareQuerySerializer, ForceQuerySerializer
from workspaces.api.serializers.resources import (
    CodeDifferenceSerializer,
    DependenciesRequestSerializer,
    DependenciesSerializer,
    DeploySerializer,
    ImportedSerializer,
    ImportSerializer,
    NewResourceSerializer,
    ResourceChangeRequestSerializer,
    ResourceSerializer,
    ResourceSummarySerializer,
    ResourceVersionSerializer,
)
from workspaces.api.serializers.tasks import TaskDetailSerializer
from workspaces.models import ResourceCodeVersion, WorkspaceResource
from workspaces.services.code_versions import compare_code
from workspaces.services.resource_dependencies import (
    dependencies_of,
    dependents_of,
    set_dependencies,
)
from workspaces.services.resource_export import export_hcl
from workspaces.services.resources import (
    create_resource,
    delete_resource,
    deploy_resources,
    import_resources,
    restore_resource,
    rollback_resource,
    update_resource,
)

CODE = ("current_version__tf_code", "current_version__variables")


@conditional()
@conditional("dependencies", ("set_dependencies",))
@idempotent_actions("create", "restore", "rollback", "import_blocks", "deploy")
class ResourceViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    WorkspaceView[WorkspaceResource],
):
    """The resources of a workspace; none can be changed while it is locked (F52)."""

    queryset = WorkspaceResource.objects.all()
    serializer_class = ResourceSerializer
    filterset_class = ResourceFilter
    lookup_url_kwarg = "resource_id"

    def rows(self) -> QuerySet[WorkspaceResource]:
        """All of them; lists leave their code in the database."""
        resources = self.workspace.resources.select_related("current_version", "created_by")
        return resources.defer(*CODE) if self.action == "list" else resources

    def get_serializer_class(self) -> type[BaseSerializer[WorkspaceResource]]:
        """Lists are without the code."""
        return ResourceSummarySerializer if self.action == "list" else ResourceSerializer

    @extend_schema(request=NewResourceSerializer, responses={201: ResourceSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        """Adds a resource; its code is a body in Terraform's JSON syntax."""
        serializer = NewResourceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        resource = create_resource(self.workspace, user=self.user, **serializer.validated_data)
        return Response(ResourceSerializer(resource).data, status=201)

    @extend_schema(request=ResourceChangeRequestSerializer)
    def update(self, request: Request, **_: Any) -> Response:
        """Writes the next version of the code; 409 where `version` is given and not the current one."""
        serializer = ResourceChangeRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        resource = self.get_object()
        update_resource(resource, user=self.user, **serializer.validated_data)
        return Response(ResourceSerializer(resource).data)

    @extend_schema(parameters=[ForceQuerySerializer], responses={204: None})
    def destroy(self, request: Request, **_: Any) -> Response:
        """Takes the resource out of the configuration; it can be restored.

        409 `has_dependents` where others depend on it, unless `force` is true.
        """
        query = ForceQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        delete_resource(self.get_object(), user=self.user, **query.validated_data)
        return Response(status=204)

    @extend_schema(responses=DependenciesSerializer)
    def dependencies(self, request: Request, **_: Any) -> Response:
        """What the resource needs, and what needs it: as people say, and as the code refers to it."""
        return self._dependencies(self.get_object())

    @extend_schema(request=DependenciesRequestSerializer, responses=DependenciesSerializer)
    def set_dependencies(self, request: Request, **_: Any) -> Response:
        """Replaces the list of what the resource explicitly depends on; a cycle is 400."""
        serializer = DependenciesRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        resource = self.get_object()
        set_dependencies(resource, user=self.user, **serializer.validated_data)
        return self._dependencies(resource)

    def _dependencies(self, resource: WorkspaceResource) -> Response:
        found = {
            "depends_on": dependencies_of(resource),
            "dependents": dependents_of(resource),
        }
        return Response(DependenciesSerializer(found).data)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def export_hcl(self, request: Request, **_: Any) -> HttpResponse:
        """All resources as one HCL file; 409 names the one that HCL has no way to write."""
        return attachment(
            export_hcl(self.workspace).encode(),
            filename=f"{self.workspace.workspace_id}-resources.tf",
            content_type="text/plain; charset=utf-8",
        )

    @extend_schema(request=None)
    def restore(self, request: Request, **_: Any) -> Response:
        """Brings a deleted resource back."""
        resource = self.get_object()
        restore_resource(resource, user=self.user)
        return Response(ResourceSerializer(resource).data)

    @extend_schema(request=None)
    def rollback(self, request: Request, version: int, **_: Any) -> Response:
        """Makes the code of an earlier version the next one."""
        resource = self.get_object()
        rollback_resource(resource, user=self.user, version=version)
        return Response(ResourceSerializer(resource).data)

    @extend_schema(
        operation_id="workspaces_resources_import",
        request=ImportSerializer,
        responses={201: ImportedSerializer},
    )
    def import_blocks(self, request: Request, **_: Any) -> Response:
        """Makes a resource of each resource and module block, JSON or HCL, all or none."""
        serializer = ImportSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        count = import_resources(self.workspace, user=self.user, **serializer.validated_data)
        return Response({"message": f"Imported {count} resources", "count": count}, status=201)

    @extend_schema(request=DeploySerializer, responses={201: TaskDetailSerializer})
    def deploy(self, request: Request, **_: Any) -> Response:
        """Creates a plan of these resources only; 423 while the workspace is locked (F29)."""
        serializer = DeploySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        task = deploy_resources(self.workspace, user=self.user, **serializer.validated_data)
        shown = self.workspace.tasks.select_related("created_by").get(pk=task.pk)
        return Response(TaskDetailSerializer(shown).data, status=201)


class ResourceVersionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, WorkspaceView[ResourceCodeVersion]
):
    """The versions of a resource's code, newest first."""

    queryset = ResourceCodeVersion.objects.all()
    serializer_class = ResourceVersionSerializer
    filter_backends = []
    lookup_field = "version"

    resource: WorkspaceResource

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Looks the resource up in its workspace."""
        super().initial(request, *args, **kwargs)
        self.resource = get_object_or_404(self.workspace.resources, pk=kwargs["resource_id"])

    def rows(self) -> QuerySet[ResourceCodeVersion]:
        """Those of the resource."""
        return self.resource.versions.select_related("created_by")

    @extend_schema(parameters=[CompareQuerySerializer], responses=CodeDifferenceSerializer)
    def compare(self, request: Request, **_: Any) -> Response:
        """Where two versions differ, path by path, in code and variables."""
        query = CompareQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        before, after = (
            get_object_or_404(self.rows(), version=query.validated_data[name])
            for name in ("from", "to")
        )
        return Response(CodeDifferenceSerializer(compare_code(before, after)).data)

"""The resources of a workspace as one HCL file, to read or to take along."""

import json
from collections.abc import Mapping

from iacplatform.common.errors import Conflict
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl_writing import write_hcl
from iacplatform.terraform.nested_blocks import Nested, nested_blocks
from workspaces.models import TaskPlan, Workspace, WorkspaceResource
from workspaces.services.code_versions import current_code


def export_hcl(workspace: Workspace) -> str:
    """Returns the active resources as HCL, by their ids, each under a comment with its id.

    What are nested blocks is read from the newest plan, if there is one, and guessed else. Raises ``Conflict``
    naming the resource whose code HCL has no way to write.
    """
    nested = _nested(workspace)
    resources = workspace.resources.active().order_by("resource_id")
    return "\n".join(_written(resource, nested) for resource in resources)


def _written(resource: WorkspaceResource, nested: Mapping[str, Nested]) -> str:
    try:
        return f"# {resource.resource_id}\n{write_hcl(current_code(resource).tf_code, nested)}"
    except ConfigurationError as error:
        raise Conflict(f"{resource.resource_id} cannot be written as HCL: {error}") from error


def _nested(workspace: Workspace) -> dict[str, Nested]:
    plans = TaskPlan.objects.filter(task__workspace=workspace, plan_json__isnull=False)
    newest = plans.order_by("-task_id").values_list("plan_json", flat=True).first()
    try:
        plan = json.loads(bytes(newest)) if newest else {}
    except (ValueError, RecursionError):
        return {}
    return nested_blocks(plan) if isinstance(plan, dict) else {}

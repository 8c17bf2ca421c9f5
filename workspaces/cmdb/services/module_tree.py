"""The module tree of a workspace, built from where its resources are."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from workspaces.cmdb.models import ModuleHierarchy
from workspaces.cmdb.services.module_paths import module_path, steps_of
from workspaces.models import Workspace

CONTENT = (
    "module_path",
    "module_name",
    "module_key",
    "parent_path",
    "depth",
    "resource_count",
    "total_resource_count",
    "child_module_count",
)


def module_rows(paths: Iterable[str]) -> list[ModuleHierarchy]:
    """Unsaved rows for the root and for every module on the way to one of ``paths``.

    There is a path for each resource, empty for one of the root module.
    """
    modules: dict[str, ModuleHierarchy] = {"": _module("")}
    for path, count in Counter(paths).items():
        steps = steps_of(path)
        lineage = [module_path(steps[:depth]) for depth in range(len(steps) + 1)]
        for parent, child in pairwise(lineage):
            if child not in modules:
                modules[child] = _module(child)
                modules[parent].child_module_count += 1
        for ancestor in lineage:
            modules[ancestor].total_resource_count += count
        modules[lineage[-1]].resource_count += count
    return list(modules.values())


def _module(path: str) -> ModuleHierarchy:
    steps = steps_of(path)
    return ModuleHierarchy(
        module_path=path,
        module_name=steps[-1].name[:500] if steps else "",
        module_key=steps[-1].key if steps else "",
        parent_path=module_path(steps[:-1]),
        depth=len(steps),
        resource_count=0,
        total_resource_count=0,
        child_module_count=0,
    )


def replace_modules(workspace_id: int, modules: list[ModuleHierarchy]) -> None:
    """Makes ``modules`` the tree of a workspace, unless it is already; belongs into a transaction."""
    present = ModuleHierarchy.objects.filter(workspace=workspace_id)
    wanted = {tuple(getattr(module, name) for name in CONTENT) for module in modules}
    if set(present.values_list(*CONTENT)) == wanted:
        return
    present.delete()
    for module in modules:
        module.workspace_id = workspace_id
    ModuleHierarchy.objects.bulk_create(modules, batch_size=1000)


def module_tree(workspace: Workspace) -> dict[str, Any]:
    """The root module with its ``children``, each with theirs; names of members as in the models.

    A workspace that was never synchronised has an empty root.
    """
    rows = ModuleHierarchy.objects.filter(workspace=workspace).order_by("depth", "module_path")
    nodes: dict[str, dict[str, Any]] = {"": _node(_module(""))}
    for row in rows:
        node = _node(row)
        nodes[row.module_path] = node
        if row.module_path:
            nodes[row.parent_path]["children"].append(node)
    return nodes[""]


def _node(row: ModuleHierarchy) -> dict[str, Any]:
    return {name: getattr(row, name) for name in CONTENT} | {"children": []}

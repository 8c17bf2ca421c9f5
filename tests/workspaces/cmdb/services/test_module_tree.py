"""The module tree."""

import pytest

from tests.factories import WorkspaceFactory
from tests.workspaces.cmdb.states import resource, save, synced
from workspaces.cmdb.models import ModuleHierarchy, SyncTrigger
from workspaces.cmdb.services.module_paths import steps_of
from workspaces.cmdb.services.module_tree import module_rows, module_tree
from workspaces.cmdb.services.syncing import sync_workspace


def test_every_module_on_the_way_has_a_row_and_counts_what_is_below_it() -> None:
    deep = 'module.a["k"].module.b[0]'
    rows = {row.module_path: row for row in module_rows(["", "", deep, deep, "module.c"])}

    assert set(rows) == {"", 'module.a["k"]', deep, "module.c"}
    numbers = {
        path: (row.depth, row.resource_count, row.total_resource_count, row.child_module_count)
        for path, row in rows.items()
    }
    assert numbers == {
        "": (0, 2, 5, 2),
        'module.a["k"]': (1, 0, 2, 1),
        deep: (2, 2, 2, 0),
        "module.c": (1, 1, 1, 0),
    }
    assert (rows[deep].module_name, rows[deep].module_key) == ("b", "0")
    assert rows[deep].parent_path == 'module.a["k"]'


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("module.a", [""]),
        ("module.a[3].module.b", ["3", ""]),
        (r'module.a["q\"u.o/te"]', ['q"u.o/te']),
        (r'module.a["new\nline"].module.b["]."]', ["new\nline", "]."]),
        (r'module.a["$${x}"]', ["${x}"]),
        ('module.a["é 漢"]', ["é 漢"]),
        (r'module.a["\U0001f600"]', [r"\U0001f600"]),
    ],
)
def test_the_keys_of_modules_are_shown_without_quotes(path: str, keys: list[str]) -> None:
    steps = steps_of(path)

    assert [step.key for step in steps] == keys
    assert ".".join(step.text for step in steps) == path


def test_the_tree_nests_the_modules(db: None) -> None:
    workspace = WorkspaceFactory.create()
    synced(
        workspace,
        resource("aws_x.a", module="module.net.module.subnet[1]"),
        resource("aws_x.a", module="module.net.module.subnet[0]"),
        resource("aws_x.b"),
    )

    tree = module_tree(workspace)

    assert (tree["resource_count"], tree["total_resource_count"]) == (1, 3)
    (net,) = tree["children"]
    assert [child["module_key"] for child in net["children"]] == ["0", "1"]


def test_a_workspace_that_was_never_indexed_has_an_empty_root(db: None) -> None:
    assert module_tree(WorkspaceFactory.create())["children"] == []


def test_modules_that_are_gone_leave_the_tree_and_others_keep_their_rows(db: None) -> None:
    workspace = WorkspaceFactory.create()
    synced(workspace, resource("aws_x.a", module="module.old"))
    synced(workspace, resource("aws_x.a", module="module.new"))
    assert [each["module_name"] for each in module_tree(workspace)["children"]] == ["new"]

    before = list(ModuleHierarchy.objects.values_list("pk", flat=True))
    save(workspace, resource("aws_x.a", module="module.new"))
    sync_workspace(workspace, SyncTrigger.AUTO)

    assert list(ModuleHierarchy.objects.values_list("pk", flat=True)) == before

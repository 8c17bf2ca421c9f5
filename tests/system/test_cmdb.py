"""The CMDB through the whole platform: what it has is what the engine itself shows of the state."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.iacplatform.terraform.conftest import Engine, engine
from tests.system.configurations import half_failing, resources
from tests.system.platform import Platform, WorkspaceUnderTest

__all__ = ["engine"]

SECRET = "hunter2-hunter2"
FILES = {
    "main.tf": r"""
      variable "secret" {
        sensitive = true
        default   = "hunter2-hunter2"
      }
      resource "terraform_data" "counted" {
        count = 3
        input = { number = count.index, list = ["a", { b = null }] }
      }
      resource "terraform_data" "keyed" {
        for_each = toset([
          "plain", "quo\"te", "dot.ted", "sl/ash", "back\\slash", "br]ack[et", "a = b", "é 漢",
          "new\nline", "dollar$${x}", "percent%%{x}", "",
        ])
        input = each.key
      }
      resource "terraform_data" "hidden" {
        input = { word = var.secret, plain = "seen" }
      }
      module "net" {
        source   = "./net"
        for_each = toset(["eu.west/1", "q\"uote", "ü"])
      }
      module "twice" {
        source = "./net"
        count  = 2
      }
      module "empty" {
        source = "./empty"
      }
    """,
    "net/main.tf": """
      resource "terraform_data" "one" {}
      module "deep" {
        source   = "./deep"
        for_each = toset(["x.y", "z"])
      }
    """,
    "net/deep/main.tf": """
      resource "terraform_data" "leaf" {
        count = 2
      }
    """,
    "empty/main.tf": "",
}


def shown_by_the_engine(engine: Engine, directory: Path, state: Any) -> dict[str, Any]:
    """What ``terraform show -json`` says of a state: resources by address."""
    (directory / "shown.tfstate").write_text(json.dumps(state))
    values = json.loads(engine("show", "-json", "shown.tfstate"))["values"]
    return {row["address"]: row for row in _resources(values["root_module"])}


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


def index_of(workspace: WorkspaceUnderTest) -> dict[str, Any]:
    """What the CMDB has of a workspace, with attributes, by address."""
    client = workspace.platform.client
    page = client.get(f"/cmdb{workspace.path}/resources", page_size=100)
    assert page["total"] == len(page["items"])
    rows = (client.get(f"/cmdb/resources/{row['id']}") for row in page["items"])
    return {row["terraform_address"]: row for row in rows}


def wait_for_sync(workspace: WorkspaceUnderTest, version: int) -> dict[str, Any]:
    """Waits until the index shows a state version; returns how the sync went."""
    path = f"/cmdb{workspace.path}/sync"
    client = workspace.platform.client
    workspace.platform.until(
        lambda: client.get(path)["synced_version"] == version, f"version {version} is indexed"
    )
    shown: dict[str, Any] = client.get(path)
    return shown


def test_the_index_is_what_the_engine_shows_of_the_state(
    platform: Platform, engine: Engine, tmp_path: Path
) -> None:
    """S4-5: modules, nested modules, for_each and count, with keys of every kind."""
    workspace = platform.workspace(configuration_source="archive")
    workspace.upload(FILES)
    assert workspace.apply().status == "applied"

    sync = wait_for_sync(workspace, 1)

    shown = shown_by_the_engine(engine, tmp_path, workspace.state())
    index = index_of(workspace)
    assert set(index) == set(shown)
    assert sync["resource_count"] == len(shown) == 3 + 12 + 1 + 5 * (1 + 2 * 2)
    for address, resource in shown.items():
        row = index[address]
        assert row["resource_type"] == resource["type"]
        assert row["resource_name"] == resource["name"]
        assert row["index_key"] == str(resource.get("index", ""))
        assert row["provider"] == resource["provider_name"].rpartition("/")[2]
        assert row["cloud_resource_id"] == resource["values"]["id"]
        if resource["name"] != "hidden":
            assert row["attributes"] == resource["values"]


def test_the_module_tree_counts_what_the_engine_shows(
    platform: Platform, engine: Engine, tmp_path: Path
) -> None:
    workspace = platform.workspace(configuration_source="archive")
    workspace.upload(FILES)
    workspace.apply()
    wait_for_sync(workspace, 1)

    tree = platform.client.get(f"/cmdb{workspace.path}/tree")["tree"]

    shown = shown_by_the_engine(engine, tmp_path, workspace.state())
    assert tree["total_resource_count"] == len(shown)
    modules = {module["module_path"]: module for module in tree["children"]}
    assert set(modules) == {
        'module.net["eu.west/1"]',
        r'module.net["q\"uote"]',
        'module.net["ü"]',
        "module.twice[0]",
        "module.twice[1]",
    }
    assert [child["module_key"] for child in modules["module.twice[1]"]["children"]] == ["x.y", "z"]
    assert {child["total_resource_count"] for child in modules.values()} == {5}


def test_no_sensitive_value_is_anywhere_in_the_index(platform: Platform) -> None:
    workspace = platform.workspace(configuration_source="archive")
    workspace.upload(FILES)
    workspace.apply()
    wait_for_sync(workspace, 1)

    found = platform.sql("SELECT row_to_json(r)::text FROM cmdb_resourceindex r")

    assert SECRET in json.dumps(workspace.state())
    assert SECRET not in str(found)
    hidden = index_of(workspace)["terraform_data.hidden"]
    assert hidden["attributes"]["input"] == {"plain": "seen"}


def test_a_failed_apply_is_indexed_too(platform: Platform, engine: Engine, tmp_path: Path) -> None:
    """F44: what it has made is there."""
    workspace = platform.workspace(half_failing())

    assert workspace.apply().status == "failed"
    wait_for_sync(workspace, 1)

    index = index_of(workspace)
    assert set(index) == set(shown_by_the_engine(engine, tmp_path, workspace.state()))
    assert "terraform_data.first" in index


def test_a_second_apply_and_a_rollback_are_followed(platform: Platform) -> None:
    workspace = platform.workspace(resources(one="1", two="2"))
    workspace.apply()
    wait_for_sync(workspace, 1)
    before = index_of(workspace)
    platform.client.patch(workspace.path, {"tf_code": resources(one="1", three="3")})
    workspace.apply()
    wait_for_sync(workspace, 2)
    after = index_of(workspace)
    assert set(after) == {"terraform_data.one", "terraform_data.three"}
    assert after["terraform_data.one"] == before["terraform_data.one"]

    workspace.post("/state-versions/1/rollback")
    wait_for_sync(workspace, 3)

    assert set(index_of(workspace)) == {"terraform_data.one", "terraform_data.two"}


def test_a_resource_is_found_by_its_id_as_soon_as_it_is_applied(platform: Platform) -> None:
    workspace = platform.workspace(resources(unmistakable="1"))
    workspace.apply()
    wait_for_sync(workspace, 1)
    (made,) = workspace.state()["resources"]
    made_id = made["instances"][0]["attributes"]["id"]

    by_id = platform.client.get("/cmdb/search", q=made_id.upper())["items"]
    by_part = platform.client.get("/cmdb/search", q="unmistakab")["items"]

    assert [(hit["score"], hit["resource"]["workspace_id"]) for hit in by_id] == [
        (1.0, workspace.workspace_id)
    ]
    assert by_part[0]["resource"]["cloud_resource_id"] == made_id

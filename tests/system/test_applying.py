"""Applies: where they run, what they run from, and how they fail."""

import json
import stat
import time
from pathlib import Path

import pytest

from tests.system.configurations import command, half_failing, resources
from tests.system.platform import Platform

FROM_VARIABLE = {
    "resource": {"terraform_data": {"one": {"input": "${var.colour}"}}},
    "output": {"colour": {"value": "${terraform_data.one.output}"}},
}


def test_on_the_same_host_init_and_restoring_the_plan_are_skipped(platform: Platform) -> None:
    """S4-2: and the log says so."""
    task = platform.workspace(resources(one="1")).apply()

    stages = task.stages("apply")
    assert stages["init"]["skipped"]
    assert stages["restoring_plan"]["skipped"]
    assert "Init stage skipped — same agent, plan hash verified" in task.log("apply")


def test_on_another_host_the_apply_is_rebuilt_from_the_snapshot(platform: Platform) -> None:
    """S4-1, S4-2: the variable's old value counts, although it was changed in between."""
    workspace = platform.workspace(FROM_VARIABLE)
    variable = workspace.variable("colour", "red")
    task = workspace.run()
    platform.sql(
        "UPDATE workspaces_workspace SET is_locked = false WHERE workspace_id = %s",
        workspace.workspace_id,
    )
    body = {"version": variable["version"], "value": "blue"}
    platform.client.put(f"{workspace.path}/variables/{variable['variable_id']}", body)
    platform.sql(
        "UPDATE workspaces_workspace SET is_locked = true WHERE workspace_id = %s",
        workspace.workspace_id,
    )

    platform.move_to(f"host-{task.task_id}")
    task.confirm()

    assert task.wait() == "applied"
    stages = task.stages("apply")
    assert not stages["init"]["skipped"]
    assert not stages["restoring_plan"]["skipped"]
    assert {row["worker"] for row in stages.values()} == {platform.host}
    assert workspace.get("/state-outputs")["outputs"]["colour"]["value"] == "red"


def test_a_set_that_is_changed_and_deleted_since_the_plan_changes_no_apply(
    platform: Platform,
) -> None:
    """S4-1: also for variables of a set, which no lock of the workspace protects."""
    client = platform.client
    name = f"set-{time.time_ns()}"
    shared = client.post("/variable-sets", {"name": name, "scope": "workspaces"})
    path = f"/variable-sets/{shared['variable_set_id']}"
    variable = client.post(f"{path}/variables", {"key": "colour", "value": "red"})
    workspace = platform.workspace(FROM_VARIABLE)
    client.put(f"{path}/workspaces", {"workspace_ids": [workspace.workspace_id]})
    task = workspace.run()
    one = f"{path}/variables/{variable['variable_id']}"
    client.put(one, {"version": 1, "value": "blue"})
    answer = client.session.delete(f"{client.base_url}/api/v1{path}", timeout=30)
    assert answer.status_code == 204

    platform.move_to(f"host-{task.task_id}")
    task.confirm()

    assert task.wait() == "applied", task.log()
    assert workspace.get("/state-outputs")["outputs"]["colour"]["value"] == "red"


def test_an_apply_that_fails_half_way_keeps_what_was_created(platform: Platform) -> None:
    """F25: the state has what the engine made, once, and the error is the engine's own."""
    workspace = platform.workspace(half_failing())

    task = workspace.apply()

    assert task.status == "failed"
    detail = task.get()
    assert "exit status 3" in detail["error_message"]
    assert {"first", "second"} <= {row["name"] for row in workspace.state()["resources"]}
    assert len(workspace.get("/state-versions")["items"]) == 1
    assert not workspace.get()["is_locked"]
    statuses = {address: row["apply_status"] for address, row in task.changes().items()}
    assert statuses["terraform_data.first"] == "completed"
    assert statuses["terraform_data.broken"] == "failed"
    assert statuses["terraform_data.never"] == "pending"


def test_after_a_failed_apply_the_next_one_goes_on_from_its_state(platform: Platform) -> None:
    workspace = platform.workspace(half_failing())
    workspace.apply()
    platform.client.patch(workspace.path, {"tf_code": resources(first="first")})

    task = workspace.apply()

    assert task.status == "applied"
    assert [row["name"] for row in workspace.state()["resources"]] == ["first"]


@pytest.fixture
def _no_state_can_be_saved(platform: Platform) -> object:
    platform.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$"
    )
    platform.sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON workspaces_stateversion EXECUTE FUNCTION refuse()"
    )
    yield
    platform.sql("DROP FUNCTION refuse CASCADE")


@pytest.mark.usefixtures("_no_state_can_be_saved")
def test_a_state_that_cannot_be_saved_five_times_is_backed_up_and_the_workspace_locked(
    platform: Platform,
) -> None:
    """O5, S4-3: five tries, a backup only its owner can read, a lock with the reason."""
    workspace = platform.workspace(resources(one="precious"))

    task = workspace.apply()

    assert task.status == "failed"
    error = task.get()["error_message"]
    assert error.startswith("state save failed, workspace locked, backup at: ")
    backup = Path(error.removeprefix("state save failed, workspace locked, backup at: "))
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert "precious" in backup.read_text()
    locked = workspace.get()
    assert locked["is_locked"]
    assert locked["lock_reason"] == (
        f"Auto-locked: State save failed for task {task.task_id}. State backed up to {backup}"
    )
    assert task.log("apply").count("the disk is full") == 5


def test_a_replacement_is_one_change_in_either_order(platform: Platform) -> None:
    """F24: counted as an addition and a destruction, completed after both."""
    workspace = platform.workspace(
        {
            "resource": {
                "terraform_data": {
                    "usual": {"triggers_replace": "1"},
                    "reverse": {
                        "triggers_replace": "1",
                        "lifecycle": {"create_before_destroy": True},
                    },
                }
            }
        }
    )
    workspace.apply()
    code = workspace.get()["tf_code"]
    for body in code["resource"]["terraform_data"].values():
        body["triggers_replace"] = "2"
    platform.client.patch(workspace.path, {"tf_code": code})

    task = workspace.apply()

    detail = task.get()
    assert (detail["changes_add"], detail["changes_destroy"]) == (2, 2)
    assert {row["action"] for row in task.changes().values()} == {"replace"}
    assert {row["apply_status"] for row in task.changes().values()} == {"completed"}


def test_resources_with_odd_keys_are_followed_while_they_are_applied(platform: Platform) -> None:
    """F24: ``for_each`` keys with slashes, colons, at signs and spaces."""
    body = {"for_each": '${toset(["a/b:c d@e", "é"])}', "input": "${each.key}"}
    workspace = platform.workspace({"resource": {"terraform_data": {"odd": body}}})

    task = workspace.apply()

    changes = task.changes()
    assert set(changes) == {'terraform_data.odd["a/b:c d@e"]', 'terraform_data.odd["é"]'}
    assert all(row["resource_id"] and row["apply_started_at"] for row in changes.values())


def test_what_the_engine_does_is_live_in_the_resource_changes(platform: Platform) -> None:
    slow = {"resource": {"terraform_data": {"slow": command("sleep 2")}}}
    workspace = platform.workspace(slow)
    task = workspace.run()
    task.confirm()

    platform.until(
        lambda: task.changes()["terraform_data.slow"]["apply_status"] == "applying",
        "the resource is shown as being applied",
    )

    assert task.wait() == "applied"
    assert task.changes()["terraform_data.slow"]["apply_status"] == "completed"


def test_a_state_that_was_made_elsewhere_is_planned_and_applied_here(platform: Platform) -> None:
    """Reference §5.9: what is uploaded is what the engine finds, and what it makes follows it."""
    elsewhere = platform.workspace(resources(one="1"))
    elsewhere.apply()
    workspace = platform.workspace(resources(one="1"))
    state = json.dumps(elsewhere.state()).encode()

    workspace.post("/state/upload-file", files={"file": ("terraform.tfstate", state)})

    assert workspace.run().status == "planned_and_finished"
    platform.client.patch(workspace.path, {"tf_code": resources(one="1", two="2")})
    assert workspace.apply().status == "applied"
    versions = workspace.get("/state-versions")["items"]
    assert [row["import_source"] for row in versions] == ["terraform_apply", "user_upload"]
    assert versions[0]["lineage"] == versions[1]["lineage"]
    assert versions[0]["serial"] > versions[1]["serial"]


def test_after_a_rollback_the_next_apply_succeeds(platform: Platform) -> None:
    """F30: the engine accepts the state that was taken back, and makes good what is missing."""
    workspace = platform.workspace(resources(one="1"))
    workspace.apply()
    platform.client.patch(workspace.path, {"tf_code": resources(one="1", two="2")})
    workspace.apply()

    workspace.post("/state-versions/1/rollback", {"reason": "wrong release"})
    task = workspace.apply()

    assert task.status == "applied"
    assert task.get()["changes_add"] == 1
    assert {row["name"] for row in workspace.state()["resources"]} == {"one", "two"}
    versions = workspace.get("/state-versions")["items"]
    assert [row["version"] for row in versions] == [4, 3, 2, 1]
    assert versions[0]["serial"] > versions[1]["serial"] > versions[2]["serial"]

"""Drift of what a real engine has made, found by real workers."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from tests.system.configurations import command
from tests.system.disk_provider.installation import cli_config
from tests.system.drift import PROVIDERS, DiskPlatform, WatchedWorkspace
from tests.system.platform import Platform
from tests.system.test_cancelling import engines
from tests.system.triggers import end_leases

MASKED = "***SENSITIVE***"


@pytest.fixture(scope="module")
def disk(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiskPlatform]:
    """The platform with a worker whose engine has the provider ``disk``."""
    directory = tmp_path_factory.mktemp("disk")
    files = directory / "files"
    files.mkdir()
    found = DiskPlatform(platform, cli_config(directory), files)
    found.move_to("host-disk")
    yield found
    platform.move_to("host-a")


def test_each_kind_of_drift_is_found_with_its_severity(disk: DiskPlatform) -> None:
    """F43: destroyed, replaced, changed and tags only; secrets masked; root resources included."""
    watched = disk.workspace("gone", "other", "changed", "tagged", "same")
    assert watched.check()["has_drift"] is False

    disk.file("gone").remove()
    disk.file("other").change(id="made by hand")
    disk.file("changed").change(content="by hand", secret="another secret", tags={"owner": "bob"})
    disk.file("tagged").change(tags={"owner": "ada", "cost": "42"})
    status = watched.check()

    assert (status["has_drift"], status["drift_count"], status["severity"]) == (
        True,
        4,
        "destroyed",
    )
    objects = watched.objects()
    assert {address: child["severity"] for address, child in objects.items()} == {
        "disk_file.gone": "destroyed",
        "disk_file.other": "replaced",
        "disk_file.changed": "changed",
        "disk_file.tagged": "tags_only",
    }
    assert objects["disk_file.changed"]["changes"] == {
        "content": {"before": "as planned", "after": "by hand"},
        "secret": {"before": MASKED, "after": MASKED},
        "tags.owner": {"before": "ada", "after": "bob"},
    }
    assert objects["disk_file.tagged"]["changes"] == {"tags.cost": {"before": None, "after": "42"}}
    assert watched.workspace.workspace_id in drifted_workspaces(disk)


def drifted_workspaces(disk: DiskPlatform) -> set[str]:
    found = disk.platform.client.get("/drift", page_size=100)["items"]
    return {each["workspace_id"] for each in found}


def test_drift_is_told_by_resource_and_what_belongs_to_none_as_well(disk: DiskPlatform) -> None:
    workspace = disk.platform.workspace(None)
    resource = {"resource_type": "disk_file", "resource_name": "web"}
    code = {"terraform": PROVIDERS, "resource": {"disk_file": {"web": disk.body("web")}}}
    workspace.post("/resources", resource | {"tf_code": code})
    watched = WatchedWorkspace(disk, workspace)
    assert workspace.apply().status == "applied"
    disk.file("web").change(content="by hand")

    watched.check()

    shown = workspace.get("/resources-drift")
    (found,) = shown["items"]
    assert (found["resource_id"], found["drift_status"]) == ("disk_file.web", "drifted")
    assert found["drifted_children"][0]["changes"]["content"]["after"] == "by hand"
    assert shown["others"] == []


def test_drift_below_modules_and_instances_is_found(disk: DiskPlatform) -> None:
    """F43; in a configuration that was uploaded nothing belongs to a resource of the workspace."""
    workspace = disk.platform.workspace(None)
    needs = """
        terraform {
          required_providers {
            disk = { source = "tests/disk" }
          }
        }
    """
    module = f"""{needs}
        resource "disk_file" "each" {{
          for_each = toset(["a/b", "c d"])
          path     = "{disk.files}/mod-${{md5(each.key)}}.json"
          content  = each.key
        }}
    """
    root = f"""{needs}
        module "app" {{
          source = "./app"
        }}
    """
    workspace.upload({"main.tf": root, "app/main.tf": module})
    watched = WatchedWorkspace(disk, workspace)
    assert workspace.apply().status == "applied"
    for path in disk.files.glob("mod-*.json"):
        path.unlink()

    status = watched.check()

    assert (status["drift_count"], status["severity"]) == (1, "destroyed")
    assert set(watched.objects()) == {
        'module.app.disk_file.each["a/b"]',
        'module.app.disk_file.each["c d"]',
    }
    (other,) = workspace.get("/resources-drift")["others"]
    assert (other["address"], other["resource_id"]) == ("module.app", None)


def test_the_same_drift_is_announced_once_and_an_apply_clears_it(disk: DiskPlatform) -> None:
    """F40: two checks of the same drift, one event; more drift, another one."""
    watched = disk.workspace("one", "two")
    with receiver() as (url, heard):
        subscribe(watched, url)
        disk.file("one").change(content="by hand")
        first, second = watched.check(), watched.check()
        assert (first["drift_count"], second["drift_count"]) == (1, 1)
        disk.platform.until(lambda: heard, "the drift is announced")
        assert len(announced(watched)) == 1

        disk.file("two").remove()
        assert watched.check()["drift_count"] == 2
        disk.platform.until(lambda: len(heard) == 2, "more drift is announced")

        assert watched.workspace.apply().status == "applied"
        status = watched.status()
        assert (status["has_drift"], status["drift_count"]) == (False, 0)
        assert disk.file("one").read()["content"] == "as planned"
        assert watched.check()["has_drift"] is False
        assert len(announced(watched)) == 2


def test_a_plan_that_has_nothing_to_do_clears_drift_that_was_put_right(disk: DiskPlatform) -> None:
    watched = disk.workspace("fixed")
    disk.file("fixed").change(content="by hand")
    assert watched.check()["has_drift"] is True
    disk.file("fixed").change(content="as planned")

    assert watched.workspace.run("plan_only").status == "success"

    assert watched.status()["has_drift"] is False


def test_a_check_that_runs_is_cancelled_and_its_engine_is_gone(disk: DiskPlatform) -> None:
    """F43: the process stops and the row is free for the next check."""
    watched = disk.workspace("waiting")
    with disk.file("waiting").slow():
        task = watched.start_check()
        task.wait_for_stage("planning")
        disk.platform.until(lambda: engines(disk.platform, task), "the engine is at work")
        with pytest.raises(requests.HTTPError, match="check_running"):
            watched.start_check()

        assert watched.cancel_check()["tasks_updated"] == 1

        assert task.wait(seconds=45) == "cancelled"
        disk.platform.until(lambda: not engines(disk.platform, task), "the engine is gone")
    assert watched.status()["check_status"] == "cancelled"
    assert watched.cancel_check()["tasks_updated"] == 0
    assert watched.check()["check_status"] == "success"


def test_a_check_whose_worker_is_killed_is_finished_by_another(disk: DiskPlatform) -> None:
    watched = disk.workspace("survivor")
    disk.file("survivor").change(content="by hand")
    with disk.file("survivor").slow():
        task = watched.start_check()
        task.wait_for_stage("planning")
        assert disk.platform.worker is not None
        disk.platform.worker.process.send_signal(signal.SIGKILL)
        disk.platform.worker.process.wait()
    disk.move_to("host-disk-2")
    end_leases(disk.platform)

    assert task.wait(seconds=90) == "success"
    status = watched.status()
    assert (status["check_status"], status["has_drift"]) == ("success", True)


def test_a_check_that_fails_says_why(disk: DiskPlatform) -> None:
    watched = disk.workspace("broken")
    disk.file("broken").path.write_text("this is no JSON")

    status = watched.check()

    assert (status["check_status"], status["has_drift"]) == ("failed", False)
    assert "ReadResource" in status["message"]


def test_a_check_waits_for_the_end_of_a_change(disk: DiskPlatform) -> None:
    """F43."""
    slow = {"resource": {"terraform_data": {"slow": command("sleep 3")}}}
    watched = WatchedWorkspace(disk, disk.platform.workspace(slow, auto_apply=True))
    change = watched.workspace.start()
    check = watched.start_check()

    assert change.wait() == "applied"
    assert check.wait() == "success"
    assert check.get()["started_at"] >= change.get()["completed_at"]
    assert watched.status()["has_drift"] is False


def test_the_scheduler_twice_at_once_starts_one_check_of_nobody(disk: DiskPlatform) -> None:
    """F6, F13."""
    watched = disk.workspace("scheduled")
    disk.file("scheduled").change(content="by hand")
    watched.make_due()

    disk.tick(times=6)

    check = watched.background_check()
    assert check.wait() == "success"
    assert check.get()["created_by"] is None
    assert watched.status()["has_drift"] is True
    time.sleep(1)
    assert len(watched.background_checks()) == 1


def test_a_background_check_leaves_the_last_slot_to_people(disk: DiskPlatform) -> None:
    watched, busy = disk.workspace("patient"), disk.workspace("busy")
    disk.move_to("host-disk-3", slots=2)
    with disk.file("busy").slow():
        person = busy.workspace.start("plan_only")
        person.wait_for_stage("planning")
        watched.make_due()
        disk.tick()
        check = watched.background_check()

        assert watched.workspace.run("plan_only").status == "success"
        assert person.status == "running"
        assert {row["attempts"] for row in check.get()["stages"]} <= {0}

    assert person.wait() == "success"
    assert check.wait() == "success"


# --- Hearing what is announced


@contextmanager
def receiver() -> Iterator[tuple[str, list[str]]]:
    """A real HTTP server: its address, and the events it was told of."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(str(self.headers["X-IaC-Event"] or json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stays silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def subscribe(watched: WatchedWorkspace, url: str) -> None:
    """Has an address told of the drift of a workspace."""
    name = f"drift-{watched.workspace.workspace_id}"
    body = {"name": name, "notification_type": "webhook", "endpoint_url": url}
    made = watched.disk.platform.client.post("/notifications", body)
    events = {"notification_id": made["notification_id"], "events": ["drift_detected"]}
    watched.workspace.post("/notifications", events)


def announced(watched: WatchedWorkspace) -> list[dict[str, object]]:
    """What the platform has announced of a workspace's drift."""
    found = watched.workspace.get("/notification-logs", event="drift_detected")["items"]
    return list(found)

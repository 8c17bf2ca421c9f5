"""What goes wrong for a user, and what the platform says about it."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from tests.system.configurations import resources, talking
from tests.system.platform import Platform, WorkspaceUnderTest


def test_a_configuration_that_does_not_parse_fails_with_the_engines_whole_error(
    platform: Platform,
) -> None:
    workspace = platform.workspace()
    workspace.upload({"main.tf": 'resource "terraform_data" "one" {\n  input = \n}\n'})

    task = workspace.run()

    detail = task.get()
    assert detail["status"] == "failed"
    assert "Invalid expression" in detail["error_message"]
    assert "on main.tf line 2" in detail["error_message"]
    assert "Expected the start of an expression" in detail["error_message"]
    assert not workspace.get()["is_locked"]


def test_a_plan_that_fails_says_so_and_keeps_its_log(platform: Platform) -> None:
    """The stage shows where it failed; the log of the plan is not the log of an apply (F28)."""
    workspace = platform.workspace(resources(one="${terraform_data.missing.output}"))

    task = workspace.run()

    detail = task.get()
    assert (detail["status"], detail["stage"]) == ("failed", "planning")
    assert "Reference to undeclared resource" in detail["error_message"]
    assert "Reference to undeclared resource" in task.log("plan")
    assert task.log("apply") == ""


def test_two_resources_with_the_same_address_are_refused_by_name(platform: Platform) -> None:
    """F20: duplicates are an error, never a silent overwrite."""
    workspace = platform.workspace()
    for name in ("one", "two"):
        body = {
            "resource_type": "terraform_data",
            "resource_name": name,
            "tf_code": resources(same="1"),
        }
        workspace.post("/resources", body)

    task = workspace.run()

    assert task.status == "failed"
    assert "terraform_data.same" in task.get()["error_message"]


def test_a_line_of_five_megabytes_arrives_whole(platform: Platform) -> None:
    """F21: neither truncated nor the end of the reading."""
    workspace = platform.workspace(resources(long='${format("%5000000s", "its end")}'))

    task = workspace.run("plan_only")

    log = task.log("plan")
    assert task.status == "success"
    assert max(map(len, log.splitlines())) > 5_000_000
    assert "its end" in log
    assert "Plan: 1 to add" in log


def test_bytes_that_are_no_text_do_not_stop_the_apply(platform: Platform) -> None:
    """H4: the line is logged as far as it can be."""
    script = "printf 'odd \\377\\376 \\000 line\\n'; echo still here"
    task = platform.workspace(talking(script)).apply()

    assert task.status == "applied"
    assert "still here" in task.log("apply")


def test_messages_that_come_many_times_run_each_stage_once(platform: Platform) -> None:
    """F1: a hint that is repeated changes nothing."""
    workspace = platform.workspace(talking("echo once"), auto_apply=True)
    task = workspace.start()
    for _ in range(20):
        platform.publish_open_stages(task.task_id, times=5)

    assert task.wait() == "applied"
    assert {row["attempts"] for row in task.get()["stages"]} == {1}
    assert task.log("apply").count("(local-exec): once") == 1


def test_confirming_twice_applies_once(platform: Platform) -> None:
    """M7: the second answer is a conflict."""
    task = platform.workspace(resources(one="1")).run()
    task.confirm()

    with pytest.raises(requests.HTTPError, match="409"):
        task.confirm()

    assert task.wait() == "applied"
    assert [row["name"] for row in task.get()["stages"]].count("applying") == 1


def test_confirming_another_workspaces_task_is_not_found(platform: Platform) -> None:
    """F3: a child is looked up with its workspace."""
    task = platform.workspace(resources(one="1")).run()
    other = platform.workspace(resources(one="1"))

    with pytest.raises(requests.HTTPError, match="404"):
        other.post(f"/tasks/{task.task_id}/confirm-apply")

    assert task.status == "apply_pending"


def test_a_locked_workspace_says_who_and_why(platform: Platform) -> None:
    workspace = platform.workspace(resources(one="1"))
    workspace.post("/lock", {"reason": "release freeze"})

    with pytest.raises(requests.HTTPError) as caught:
        workspace.start()

    assert caught.value.response is not None
    answer = caught.value.response.json()
    assert caught.value.response.status_code == 423
    assert (answer["locked_by"], answer["lock_reason"]) == ("admin", "release freeze")


class _Archives(BaseHTTPRequestHandler):
    """Serves a good archive, and one whose first download breaks off."""

    good = b""
    breaks_off = True

    def do_GET(self) -> None:
        """Answers by path."""
        broken = self.path == "/broken-once.zip" and self.breaks_off
        if broken:
            _Archives.breaks_off = False
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.good) * (2 if broken else 1)))
        self.end_headers()
        self.wfile.write(self.good)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stays silent."""


@pytest.fixture
def archives() -> Iterator[str]:
    """The address of a server of engine archives."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("terraform", "#!/bin/sh\nexit 0\n")
    _Archives.good, _Archives.breaks_off = buffer.getvalue(), True
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Archives)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def with_engine(platform: Platform, version: str, url: str, checksum: str) -> WorkspaceUnderTest:
    body = {
        "engine": "terraform",
        "version": version,
        "download_url": url,
        "checksum": checksum,
    }
    platform.client.post("/engine-versions", body)
    return platform.workspace(
        resources(one="1"), engine_version={"engine": "terraform", "version": version}
    )


def test_an_engine_with_the_wrong_checksum_is_never_run(platform: Platform, archives: str) -> None:
    workspace = with_engine(platform, "0.0.1", f"{archives}/good.zip", "0" * 64)

    task = workspace.run()

    detail = task.get()
    assert (detail["status"], detail["stage"]) == ("failed", "fetching")
    assert "checksum" in detail["error_message"]


def test_a_download_that_breaks_off_is_tried_again(platform: Platform, archives: str) -> None:
    checksum = hashlib.sha256(_Archives.good).hexdigest()
    workspace = with_engine(platform, "0.0.2", f"{archives}/broken-once.zip", checksum)

    task = workspace.run()

    assert task.stages("plan")["fetching"]["status"] == "done"
    assert "Trying again" in task.log()
    assert task.get()["stage"] != "fetching"  # what was downloaded only pretends to be an engine


def test_an_unknown_engine_version_is_refused_by_name(platform: Platform) -> None:
    with pytest.raises(requests.HTTPError, match="engine_version") as caught:
        platform.workspace(engine_version={"engine": "terraform", "version": "99.0.0"})

    assert caught.value.response is not None
    assert caught.value.response.status_code == 400

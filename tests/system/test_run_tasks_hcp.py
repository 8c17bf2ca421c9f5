"""A run task service that was written for HCP Terraform, and knows nothing of this platform.

What it checks, and in which order, is what HashiCorp's documentation and scaffolding do:
https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration
https://github.com/hashicorp/terraform-run-task-scaffolding-go
"""

import hashlib
import hmac
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tests.system.platform import wait_until
from tests.system.run_tasks import RunTaskPlatform

KEY = "s3cret"
TEST_TOKEN = "test-token"
TEXTS = (
    "access_token",
    "organization_name",
    "run_app_url",
    "run_created_at",
    "run_created_by",
    "run_id",
    "run_message",
    "stage",
    "task_result_callback_url",
    "task_result_enforcement_level",
    "task_result_id",
    "workspace_app_url",
    "workspace_id",
    "workspace_name",
)
TEXTS_OR_NULL = (
    "configuration_version_download_url",
    "configuration_version_id",
    "vcs_branch",
    "vcs_commit_url",
    "vcs_pull_request_url",
    "vcs_repo_url",
    "workspace_working_directory",
)
FORBIDDEN = "terraform_data.forbidden"


class HCPService(BaseHTTPRequestHandler):
    """Refuses plans that create what is forbidden."""

    problems: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self._check_signature(body)
        if status:
            return self._answer(status)
        request = json.loads(body)
        self.problems += problems_of(request)
        if request["access_token"] == TEST_TOKEN:
            return self._answer(200)
        plan = self._plan(request) if request["stage"] != "pre_plan" else {}
        self._answer(200)
        tell(request, "running", "Looking", [])
        planned = plan.get("resource_changes", [])
        found = [each for each in planned if each["address"] == FORBIDDEN]
        status_text, label = ("failed", "Denied") if found else ("passed", "Allowed")
        return tell(request, status_text, f"{len(found)} violations", [outcome_of(label)])

    def _check_signature(self, body: bytes) -> int:
        """The HTTP status to refuse with, 0 if it is right: bare hexadecimal."""
        given = self.headers.get("X-TFC-Task-Signature", "")
        if not given:
            return 401
        expected = hmac.new(KEY.encode(), body, hashlib.sha512).hexdigest()
        return 0 if hmac.compare_digest(given, expected) else 401

    def _plan(self, request: dict[str, Any]) -> dict[str, Any]:
        """Fetched inside the handler, before the webhook is answered."""
        headers = {"Authorization": f"Bearer {request['access_token']}"}
        fetch = urllib.request.Request(request["plan_json_api_url"], headers=headers)  # noqa: S310
        with urllib.request.urlopen(fetch, timeout=30) as answer:  # noqa: S310
            plan: dict[str, Any] = json.load(answer)
        if "format_version" not in plan:
            self.problems.append("the plan is not the engine's")
        return plan

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def problems_of(request: dict[str, Any]) -> list[str]:
    """What a strict parser of HCP Terraform's request would not accept."""
    wrong = [name for name in TEXTS if not isinstance(request.get(name), str)]
    wrong += [
        name
        for name in TEXTS_OR_NULL
        if name not in request or not isinstance(request[name], str | None)
    ]
    if request["payload_version"] != 1:
        wrong.append("payload_version")
    if not isinstance(request["is_speculative"], bool):
        wrong.append("is_speculative")
    if request["capabilities"] != {"outcomes": True}:
        wrong.append("capabilities")
    return wrong


def outcome_of(label: str) -> dict[str, Any]:
    tags = {
        "Status": [{"label": label, "level": "error" if label == "Denied" else "info"}],
        "Severity": [{"label": "High", "level": "warning"}],
        "Cost Centre": [{"label": "IT-OPS"}],
    }
    attributes = {
        "outcome-id": "PRTNR-CC-TF-127",
        "description": "Nothing forbidden is made",
        "body": "# Resolution\n\n```\nremove it\n```",
        "url": "https://external.service/check/1",
        "tags": tags,
    }
    return {"type": "task-result-outcomes", "attributes": attributes}


def tell(request: dict[str, Any], status: str, message: str, outcomes: list[Any]) -> None:
    """The documented callback."""
    data: dict[str, Any] = {
        "type": "task-results",
        "attributes": {
            "status": status,
            "message": message,
            "url": "https://external.service/project/1",
        },
    }
    if outcomes:
        data["relationships"] = {"outcomes": {"data": outcomes}}
    headers = {
        "Authorization": f"Bearer {request['access_token']}",
        "Content-Type": "application/vnd.api+json",
    }
    answer = requests.patch(
        request["task_result_callback_url"],
        data=json.dumps({"data": data}),
        headers=headers,
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


@pytest.fixture
def hcp() -> Iterator[tuple[str, list[str]]]:
    """The address of the service, and what it found wrong with what it was sent."""
    problems: list[str] = []
    handler = type("Handler", (HCPService,), {"problems": problems})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", problems
        server.shutdown()
        thread.join()


def test_a_service_written_for_hcp_terraform_works_unmodified(
    run_task_platform: RunTaskPlatform, hcp: tuple[str, list[str]]
) -> None:
    platform = run_task_platform
    url, problems = hcp
    run_task = platform.run_task(url, hmac_key=KEY, signature_format="hex", verify=True)
    good = platform.checked()
    bad = platform.checked()
    bad_code = {"resource": {"terraform_data": {"forbidden": {"input": "x"}}}}
    platform.client.patch(bad.path, {"tf_code": bad_code})
    for workspace in (good, bad):
        for stage in ("pre_plan", "post_plan", "pre_apply", "post_apply"):
            workspace.attach(run_task, stage)

    allowed, denied = good.start(), bad.start()

    assert (allowed.wait(), denied.wait()) == ("applied", "failed")
    wait_until(lambda: platform.open_results(allowed, denied) == 0, "post_apply is answered")
    assert problems == []
    rows = allowed.get("/run-task-results", page_size=100)["items"]
    assert [(row["stage"], row["status"]) for row in rows] == [
        ("pre_plan", "passed"),
        ("post_plan", "passed"),
        ("pre_apply", "passed"),
        ("post_apply", "passed"),
    ]
    assert all(row["last_heartbeat_at"] for row in rows)
    refused = denied.get("/run-task-results", page_size=100)["items"][-1]
    assert (refused["stage"], refused["status"]) == ("post_plan", "failed")
    assert (refused["message"], refused["url"]) == (
        "1 violations",
        "https://external.service/project/1",
    )
    [outcome] = refused["outcomes"]
    assert outcome["outcome_id"] == "PRTNR-CC-TF-127"
    assert outcome["tags"]["Status"] == [{"label": "Denied", "level": "error"}]
    assert outcome["tags"]["Cost Centre"] == [{"label": "IT-OPS", "level": "none"}]


@pytest.mark.parametrize("key", ["", "another"])
def test_a_service_written_for_hcp_terraform_refuses_a_wrong_key_when_it_is_saved(
    run_task_platform: RunTaskPlatform, hcp: tuple[str, list[str]], key: str
) -> None:
    url, _ = hcp

    with pytest.raises(requests.HTTPError, match=r"422 .*it answered 401"):
        run_task_platform.run_task(url, hmac_key=key, signature_format="hex", verify=True)

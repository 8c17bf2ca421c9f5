"""HashiCorp's own SDK for Python, as it comes, is a run task service of this platform.

``pytfe`` parses the webhook and says what was found. The check of the signature, of which it knows
nothing, is written from HashiCorp's documentation:
https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration
https://developer.hashicorp.com/terraform/cloud-docs/integrations/run-tasks#securing-your-run-task
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from pytfe import TFEClient, TFEConfig
from pytfe.errors import AuthError, TFEError
from pytfe.models import (
    RunTaskRequest,
    TaskResultCallbackRequestOptions,
    TaskResultCallbackStatus,
    TaskResultOutcome,
)

from tests.system.platform import TaskUnderTest, wait_until
from tests.system.run_task_service import Exchange, RunTaskService
from tests.system.run_tasks import RunTaskPlatform

KEY = "s3cret"
# What HCP Terraform sends when a run task is saved, and what nobody may be called back about.
TEST_TOKEN = "test-token"
FORBIDDEN = "terraform_data.forbidden"
STAGES = ["pre_plan", "post_plan", "pre_apply", "post_apply"]
PAGE = "https://external.service/project/1"


def is_genuine(signature: str, body: bytes, key: str = KEY) -> bool:
    """Whether ``X-TFC-Task-Signature`` is the documented one: bare hexadecimal, of the raw body."""
    expected = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    return hmac.compare_digest(signature, expected)


@dataclass
class SDKService:
    """Refuses plans that create what is forbidden."""

    client: TFEClient
    asked: list[RunTaskRequest] = field(default_factory=list)
    tested: list[RunTaskRequest] = field(default_factory=list)
    url: str = ""

    def __call__(self, exchange: Exchange) -> None:
        hook = exchange.hook
        if not is_genuine(hook.headers.get("X-TFC-Task-Signature", ""), hook.body):
            return exchange.answer(401)
        request = RunTaskRequest.model_validate_json(hook.body)
        if request.access_token == TEST_TOKEN:
            self.tested.append(request)
            return exchange.answer()
        self.asked.append(request)
        plan = plan_of(request)  # inside the handler, as HashiCorp's scaffolding does
        exchange.answer()
        return self._check(request, plan)

    def _check(self, request: RunTaskRequest, plan: dict[str, Any]) -> None:
        self.say(request, "running", "Looking", outcome("Checking", "none"))
        planned = plan.get("resource_changes", [])
        if any(each["address"] == FORBIDDEN for each in planned):
            return self.say(request, "failed", "1 violation", outcome("Denied", "error"))
        return self.say(request, "passed", "0 violations", outcome("Allowed", "info"))

    def say(self, request: RunTaskRequest, status: str, message: str, *found: Any) -> None:
        """Calls back, and raises what the SDK makes of an answer that is no success."""
        options = TaskResultCallbackRequestOptions(
            status=TaskResultCallbackStatus(status), message=message, url=PAGE, outcomes=list(found)
        )
        self.client.run_task_integrations.callback(
            request.task_result_callback_url, request.access_token, options
        )


def plan_of(request: RunTaskRequest) -> dict[str, Any]:
    """The plan, in the engine's own format; there is none at ``pre_plan``."""
    if request.plan_json_api_url is None:
        return {}
    headers = {"Authorization": f"Bearer {request.access_token}"}
    plan: dict[str, Any] = requests.get(
        request.plan_json_api_url, headers=headers, timeout=30
    ).json()
    assert "format_version" in plan
    return plan


def outcome(label: str, level: str) -> TaskResultOutcome:
    said = {
        "outcome-id": "PRTNR-CC-TF-127",
        "description": "Nothing forbidden is made",
        "body": "# Resolution\n\n```\nremove it\n```",
        "url": "https://external.service/check/1",
        "tags": {
            "Status": [{"label": label, "level": level}],
            "Cost Centre": [{"label": "IT-OPS"}],
        },
    }
    return TaskResultOutcome.model_validate(said)


@pytest.fixture
def sdk(service: RunTaskService) -> Iterator[SDKService]:
    """The SDK, reached by webhook."""
    # Its own address and token must not matter: the webhook says where and with what to answer.
    config = TFEConfig(address="https://nowhere.invalid", token="not asked for", ca_bundle=None)
    with TFEClient(config) as client:
        made = SDKService(client)
        made.url = service.address("sdk", made)
        yield made


def rows(task: TaskUnderTest) -> list[dict[str, Any]]:
    """The results of a task, first ones first."""
    found: list[dict[str, Any]] = task.get("/run-task-results", page_size=100)["items"]
    return found


def test_pytfe_takes_webhooks_and_answers_them_in_all_four_stages(
    run_task_platform: RunTaskPlatform, sdk: SDKService
) -> None:
    platform = run_task_platform
    run_task = platform.run_task(sdk.url, hmac_key=KEY, signature_format="hex", verify=True)
    workspace = platform.checked()
    for stage in STAGES:
        workspace.attach(run_task, stage)

    task = workspace.start(description="Ship it — now")

    assert task.wait() == "applied"
    wait_until(lambda: platform.open_results(task) == 0, "post_apply is answered")
    assert [request.stage for request in sdk.tested] == ["test"]
    assert [request.stage for request in sdk.asked] == STAGES
    for request, row in zip(sdk.asked, rows(task), strict=True):
        assert request.task_result_id == row["result_id"]
        assert (request.payload_version, request.capabilities.outcomes) == (1, True)
        assert (request.run_id, request.run_message) == (f"run-{task.task_id}", "Ship it — now")
        assert (request.run_created_by, request.is_speculative) == ("admin", False)
        assert request.workspace_id == workspace.workspace_id
        assert request.task_result_enforcement_level == "mandatory"
        assert (request.plan_json_api_url is None) is (request.stage == "pre_plan")
        assert (row["stage"], row["status"]) == (request.stage, "passed")
        assert (row["message"], row["url"]) == ("0 violations", PAGE)
        assert row["last_heartbeat_at"]  # its `running` was taken for progress


def test_what_pytfe_refuses_fails_the_task_with_its_outcomes(
    run_task_platform: RunTaskPlatform, sdk: SDKService
) -> None:
    """The outcome that came with the progress is the one that the end has changed (F33)."""
    run_task = run_task_platform.run_task(sdk.url, hmac_key=KEY, signature_format="hex")
    workspace = run_task_platform.checked(run_task)
    code = {"resource": {"terraform_data": {"forbidden": {"input": "x"}}}}
    run_task_platform.client.patch(workspace.path, {"tf_code": code})

    task = workspace.start("plan_only")

    assert task.wait() == "failed"
    assert task.get()["error_message"].endswith("ended as failed: 1 violation")
    assert sdk.asked[0].is_speculative
    [result] = rows(task)
    assert (result["stage"], result["status"], result["url"]) == ("post_plan", "failed", PAGE)
    [found] = result["outcomes"]
    assert found["outcome_id"] == "PRTNR-CC-TF-127"
    assert found["description"] == "Nothing forbidden is made"
    assert found["url"] == "https://external.service/check/1"
    assert found["tags"] == {
        "Status": [{"label": "Denied", "level": "error"}],
        "Cost Centre": [{"label": "IT-OPS", "level": "none"}],
    }
    with pytest.raises(TFEError) as late:
        sdk.say(sdk.asked[0], "passed", "on second thoughts")
    assert late.value.status == 410
    stranger = sdk.asked[0].model_copy(update={"access_token": "somebody else's"})
    with pytest.raises(AuthError):
        sdk.say(stranger, "passed", "let me in")


def test_the_documented_check_of_the_signature_refuses_a_changed_body(
    run_task_platform: RunTaskPlatform, service: RunTaskService, sdk: SDKService
) -> None:
    """The check is of use: what somebody else has changed, or signed, does not pass it."""
    platform = run_task_platform
    platform.run_task(sdk.url, hmac_key=KEY, signature_format="hex", verify=True)
    [hook] = service.received("sdk")
    signature = hook.headers["X-TFC-Task-Signature"]
    changed = hook.body.replace(b"test-org", b"evil-org")
    assert changed != hook.body

    assert is_genuine(signature, hook.body)
    assert not is_genuine(signature, changed)
    assert not is_genuine(signature, hook.body, key="another")
    forged = requests.post(
        sdk.url, data=changed, headers={"X-TFC-Task-Signature": signature}, timeout=10
    )
    assert forged.status_code == 401


@pytest.mark.parametrize("key", ["", "another"])
def test_a_wrong_key_is_found_when_the_run_task_is_saved(
    run_task_platform: RunTaskPlatform, sdk: SDKService, key: str
) -> None:
    with pytest.raises(requests.HTTPError, match=r"422 .*it answered 401"):
        run_task_platform.run_task(sdk.url, hmac_key=key, signature_format="hex", verify=True)
    assert (sdk.asked, sdk.tested) == ([], [])

"""Reading a webhook: its signature, and the addresses in it."""

import json
from typing import Any

import pytest

from iacplatform.common.signing import hmac_hex, prefixed_signature
from runtasks.sandbox.webhook import NotAWebhook, Webhook, move, read_webhook

KEY = "kéy"
PAYLOAD: dict[str, Any] = {
    "access_token": "secret",
    "task_result_id": "rtr-1",
    "task_result_callback_url": "http://platform.svc:8000/api/v1/run-task-results/rtr-1/callback",
    "plan_json_api_url": "http://platform.svc:8000/api/v1/run-task-results/rtr-1/json-output?a=b",
    "plan_data_url": "http://platform.svc:8000/api/v1/run-task-results/rtr-1/plan-json",
    "resource_changes_url": "http://platform.svc:8000/api/v1/run-task-results/rtr-1/resource-changes",
    "resource_changes_api_url": None,
    "task_app_url": "http://platform.svc:8000/workspaces/ws-1/tasks/1",
}
BODY = json.dumps(PAYLOAD).encode()
MISSING = "X-TFC-Task-Signature is missing"
WRONG = "X-TFC-Task-Signature does not fit the body and this key"


def read(body: bytes = BODY, signature: str = "", key: str = "", base_url: str = "") -> Webhook:
    return read_webhook(body, signature, hmac_key=key, base_url=base_url)


@pytest.mark.parametrize(
    ("signature", "key", "verified", "problem"),
    [
        (prefixed_signature(KEY, BODY, "sha512"), KEY, True, ""),
        (hmac_hex(KEY, BODY, "sha512"), KEY, True, ""),
        (hmac_hex("another", BODY, "sha512"), KEY, False, WRONG),
        (prefixed_signature(KEY, BODY + b" ", "sha512"), KEY, False, WRONG),
        ("sha512=ÿ", KEY, False, WRONG),
        ("", KEY, False, MISSING),
        ("", "", False, ""),
        ("anything", "", False, "X-TFC-Task-Signature was sent, but no key is set here"),
    ],
)
def test_a_signature_is_checked(signature: str, key: str, verified: bool, problem: str) -> None:
    """TESTPLAT: in the mission's form and in HCP Terraform's."""
    hook = read(signature=signature, key=key)

    assert (hook.hmac_verified, hook.hmac_error) == (verified, problem)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "http://127.0.0.1:8000/"])
def test_the_hosts_of_callback_and_data_addresses_are_rewritten(base_url: str) -> None:
    """TESTPLAT: and nothing else is."""
    hook = read(base_url=base_url)

    here = "http://127.0.0.1:8000/api/v1/run-task-results/rtr-1"
    assert hook.callback_url == f"{here}/callback"
    assert hook.payload["plan_json_api_url"] == f"{here}/json-output?a=b"
    assert hook.payload["plan_data_url"] == f"{here}/plan-json"
    assert hook.payload["resource_changes_url"] == f"{here}/resource-changes"
    assert hook.payload["resource_changes_api_url"] is None
    assert hook.payload["task_app_url"] == PAYLOAD["task_app_url"]


def test_without_a_base_url_nothing_is_rewritten() -> None:
    assert read().payload == PAYLOAD


def test_a_base_url_may_have_a_path() -> None:
    assert move("http://inside/api/v1/x?y=z", "https://outside/iac/") == (
        "https://outside/iac/api/v1/x?y=z"
    )


def test_a_signature_is_that_of_the_body_as_it_came() -> None:
    signature = prefixed_signature(KEY, BODY, "sha512")

    hook = read(signature=signature, key=KEY, base_url="http://127.0.0.1:1")

    assert hook.hmac_verified


@pytest.mark.parametrize(
    ("more", "is_test"),
    [({}, False), ({"is_test": True}, True), ({"access_token": "test-token"}, True)],
)
def test_a_test_request_is_known(more: dict[str, Any], is_test: bool) -> None:
    assert read(json.dumps(PAYLOAD | more).encode()).is_test is is_test


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000])
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(NotAWebhook, match=r"^The body is not"):
        read(body)

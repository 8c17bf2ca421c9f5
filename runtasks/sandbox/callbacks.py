"""What the sandbox tells the platform: progress, and the end with an outcome."""

from typing import Any

import requests

from runtasks.sandbox.plan import describe, outcome
from runtasks.sandbox.webhook import Webhook

JSON_API = "application/vnd.api+json"
TIMEOUT_SECONDS = 30.0
SHOWN = 300
VERDICTS = {"passed": "fine", "failed": "too risky"}


def report_progress(hook: Webhook) -> str:
    """Says that the check still runs; returns what the platform answered."""
    return _call_back(hook, {"status": "running", "message": "The sandbox is looking at it"}, [])


def report_end(hook: Webhook, status: str, page: str) -> str:
    """Reads the plan, if there is one, and calls back ``passed`` or ``failed``; ``page`` shows more of it.

    Returns what the platform answered.
    """
    try:
        plan = _read_plan(hook)
    except requests.RequestException as error:
        return f"the plan could not be read: {str(error)[:SHOWN]}"
    said = [f"{describe(plan)}: {VERDICTS[status]}", hook.hmac_error]
    attributes = {"status": status, "message": ". ".join(filter(None, said)), "url": page}
    return _call_back(hook, attributes, [outcome(status, plan)])


def _read_plan(hook: Webhook) -> dict[str, Any] | None:
    url = hook.payload.get("plan_json_api_url")
    if not url:
        return None
    answer = _request("GET", str(url), hook)
    answer.raise_for_status()
    plan: dict[str, Any] = answer.json()
    return plan


def _call_back(hook: Webhook, attributes: dict[str, str], outcomes: list[dict[str, Any]]) -> str:
    data: dict[str, Any] = {"type": "task-results", "attributes": attributes}
    if outcomes:
        data["relationships"] = {"outcomes": {"data": outcomes}}
    try:
        answer = _request("PATCH", hook.callback_url, hook, body={"data": data})
    except requests.RequestException as error:
        return f"{attributes['status']} → {str(error)[:SHOWN]}"
    refusal = "" if answer.ok else f" {answer.text[:SHOWN]}"
    return f"{attributes['status']} → {answer.status_code}{refusal}"


def _request(method: str, url: str, hook: Webhook, body: Any = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {hook.token}", "Content-Type": JSON_API}
    with requests.Session() as session:
        session.trust_env = False  # no proxy between this machine and itself
        return session.request(method, url, json=body, headers=headers, timeout=TIMEOUT_SECONDS)

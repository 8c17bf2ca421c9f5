"""Webhooks as the sandbox reads them: who signed one, and where what it names is reached from here."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from iacplatform.common.signing import signature_matches

SIGNATURE_HEADER = "X-TFC-Task-Signature"
TEST_TOKEN = "test-token"
# The platform's addresses that a service calls; those for people are left alone.
CALLED_URLS = (
    "task_result_callback_url",
    "plan_json_api_url",
    "plan_data_url",
    "resource_changes_url",
    "resource_changes_api_url",
)


class NotAWebhook(Exception):
    """The body is none that the platform sends; the text says why."""


@dataclass(frozen=True)
class Webhook:
    """One webhook. ``hmac_error`` is empty where the signature fits, or nobody asked for one."""

    payload: dict[str, Any]
    hmac_verified: bool
    hmac_error: str

    @property
    def is_test(self) -> bool:
        """Whether it only tries the service out, so that nothing is called back."""
        return bool(self.payload.get("is_test")) or self.token == TEST_TOKEN

    @property
    def token(self) -> str:
        """What opens the callback and the plan."""
        return str(self.payload.get("access_token", ""))

    @property
    def callback_url(self) -> str:
        """Where the answer goes."""
        return str(self.payload.get("task_result_callback_url", ""))

    @property
    def result_id(self) -> str:
        """The result that is asked for."""
        return str(self.payload.get("task_result_id", ""))


def read_webhook(body: bytes, signature: str, *, hmac_key: str, base_url: str) -> Webhook:
    """Reads a webhook; with ``base_url``, what a service calls is moved to that scheme and host.

    Raises :class:`NotAWebhook`.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAWebhook(f"The body is not JSON: {error}") from None
    if not isinstance(payload, dict):
        raise NotAWebhook("The body is not a JSON object")
    if base_url:
        payload |= _moved(payload, base_url)
    problem = _signature_problem(body, signature, hmac_key)
    return Webhook(payload, hmac_verified=bool(hmac_key) and not problem, hmac_error=problem)


def _signature_problem(body: bytes, signature: str, hmac_key: str) -> str:
    if not hmac_key:
        return f"{SIGNATURE_HEADER} was sent, but no key is set here" if signature else ""
    if not signature:
        return f"{SIGNATURE_HEADER} is missing"
    if not signature_matches(signature, hmac_key, body, "sha512"):
        return f"{SIGNATURE_HEADER} does not fit the body and this key"
    return ""


def _moved(payload: dict[str, Any], base_url: str) -> dict[str, str]:
    return {
        name: move(url, base_url)
        for name in CALLED_URLS
        if isinstance(url := payload.get(name), str)
    }


def move(url: str, base_url: str) -> str:
    """The same path and query below another scheme and host: for platforms that only name themselves inside."""
    _, _, path, query, _ = urlsplit(url)
    return base_url.rstrip("/") + path + (f"?{query}" if query else "")

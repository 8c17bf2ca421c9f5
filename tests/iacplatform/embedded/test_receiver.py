"""The receiver that the demo's notifications come to."""

import hashlib
import hmac
import json

import pytest
import requests

from iacplatform.embedded.receiver import SECRET, running_receiver

BODY = json.dumps({"event": "task_completed", "task": {"id": 7}}).encode()
SIGNATURE = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("headers", "is_genuine"),
    [
        ({"X-IaC-Signature": SIGNATURE}, True),
        ({"X-IaC-Signature": SIGNATURE[:-1] + "x"}, False),
        ({}, False),
    ],
)
def test_a_message_is_kept_with_what_its_signature_is_worth(
    headers: dict[str, str], is_genuine: bool
) -> None:
    with running_receiver() as receiver:
        answer = requests.post(receiver.url, data=BODY, headers=headers, timeout=10)

        assert answer.status_code == 204
        assert [each.is_genuine for each in receiver.received] == [is_genuine]
        assert receiver.has("task_completed", 7)
        assert not receiver.has("task_completed", 8)

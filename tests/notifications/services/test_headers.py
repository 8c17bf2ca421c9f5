"""Custom headers: which may be set, and what a mask stands for."""

import pytest

from iacplatform.common.errors import InvalidInput
from notifications.services.headers import checked_headers, masked_headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer x y"},
        {"X-Api-Key": "!#$%&'*+-.^_`|~"},
        {"x-team": "a\tb"},
        {"X" * 100: "y" * 2000},
    ],
)
def test_what_can_be_sent_is_kept(headers: dict[str, str]) -> None:
    assert checked_headers(headers, {}) == headers


def test_the_content_type_that_is_sent_anyway_may_be_said() -> None:
    """Reference §1.6 has it as the default."""
    assert checked_headers({"content-type": "application/json", "X-Team": "a"}, {}) == {
        "X-Team": "a"
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("", "x", "is no name"),
        ("X Team", "x", "is no name"),
        ("X-Team:", "x", "is no name"),
        ("X-Team\r\nX-Evil", "x", "is no name"),
        ("X-Téam", "x", "is no name"),
        ("X" * 101, "x", "is no name"),
        ("X-Team", "", "cannot be sent"),
        ("X-Team", " x", "cannot be sent"),
        ("X-Team", "x ", "cannot be sent"),
        ("X-Team", "x\r\nX-Evil: y", "cannot be sent"),
        ("X-Team", "x\n", "cannot be sent"),
        ("X-Team", "ü", "cannot be sent"),
        ("X-Team", "\0", "cannot be sent"),
        ("X-Team", "y" * 2001, "cannot be sent"),
        ("X-IaC-Signature", "sha256=forged", "is set by the platform"),
        ("x-iac-event", "task_completed", "is set by the platform"),
        ("X-IAC-ANYTHING", "x", "is set by the platform"),
        ("Content-Type", "text/plain", "is set by the platform"),
        ("Content-Length", "0", "is set by the platform"),
        ("Host", "evil.example", "is set by the platform"),
        ("transfer-encoding", "chunked", "is set by the platform"),
        ("User-Agent", "curl", "is set by the platform"),
        ("Proxy-Authorization", "Basic x", "is set by the platform"),
    ],
)
def test_what_cannot_be_sent_is_refused(name: str, value: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as refusal:
        checked_headers({name: value}, {})

    assert list(refusal.value.fields) == ["custom_headers"]
    assert "sha256=forged" not in str(refusal.value)


def test_a_name_is_given_once_and_there_are_not_too_many() -> None:
    with pytest.raises(InvalidInput, match="named twice"):
        checked_headers({"X-Team": "a", "x-team": "b"}, {})
    with pytest.raises(InvalidInput, match="at most 20"):
        checked_headers({f"X-{number}": "x" for number in range(21)}, {})


def test_a_mask_keeps_the_value_that_is_there() -> None:
    stored = {"Authorization": "Bearer x", "X-Old": "y"}

    assert masked_headers(stored) == {"Authorization": "***", "X-Old": "***"}
    assert checked_headers({"Authorization": "***", "X-New": "z"}, stored) == {
        "Authorization": "Bearer x",
        "X-New": "z",
    }

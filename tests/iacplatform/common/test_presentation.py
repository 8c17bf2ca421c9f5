"""Values as a person reads them."""

from datetime import UTC, datetime, timedelta

import pytest

from iacplatform.common.presentation import badge, duration_text, moment, public_url


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(milliseconds=40), "0.0 s"),
        (timedelta(seconds=12, milliseconds=340), "12.3 s"),
        (timedelta(seconds=59.94), "59.9 s"),
        (timedelta(seconds=59.99), "1 min 00 s"),
        (timedelta(minutes=3, seconds=7.2), "3 min 07 s"),
        (timedelta(hours=2, minutes=5, seconds=59), "2 h 05 min"),
        (timedelta(days=3, hours=4, minutes=30), "3 d 4 h"),
    ],
)
def test_a_duration_is_as_exact_as_its_length_asks(duration: timedelta, words: str) -> None:
    assert duration_text(duration) == words


def test_a_moment_is_written_with_24_hours_and_seconds() -> None:
    assert moment(datetime(2030, 1, 31, 15, 7, 9, tzinfo=UTC)) == "2030-01-31 15:07:09"


def test_what_did_not_happen_has_no_moment() -> None:
    assert moment(None) == ""


def test_the_text_of_a_badge_is_escaped() -> None:
    assert badge("<b>", "bad") == '<span class="badge badge-bad">&lt;b&gt;</span>'


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("https://me:pass@example.com:8443/hook", "https://****@example.com:8443/hook"),
        ("https://example.com/?key=pass&id=", "https://example.com/?key=****&id=****"),
        ("https://example.com/?pass", "https://example.com/?****"),
        ("https://example.com/#pass", "https://example.com/#****"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_password(url: str, shown: str) -> None:
    assert public_url(url) == shown

"""Rates as they are written in settings."""

import pytest

from iacplatform.common.rates import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1200/min", Rate(1200, 60)),
        ("1/s", Rate(1, 1)),
        ("5/hour", Rate(5, 3600)),
        ("9/day", Rate(9, 86400)),
        ("0", None),
    ],
)
def test_a_rate_is_a_number_and_a_window(text: str, rate: Rate | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "many", "10", "10/week", "-1/min", "0/min", "1.5/s", "1/min/s"]
)
def test_anything_else_stops_the_process_at_its_start(text: str) -> None:
    with pytest.raises(ValueError, match="no rate"):
        parse_rate(text)

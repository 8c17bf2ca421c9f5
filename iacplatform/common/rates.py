"""How often something may happen: ``1200/min`` and the like."""

import re
from typing import NamedTuple

SECONDS = {"s": 1, "sec": 1, "min": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"(\d+)/(\w+)")


class Rate(NamedTuple):
    """So many times within a window of so many seconds."""

    times: int
    seconds: int


def parse_rate(text: str) -> Rate | None:
    """Reads ``<number>/<s, min, hour or day>``; ``None`` (no limit) for ``0``; raises ``ValueError``."""
    if text == "0":
        return None
    found = _RATE.fullmatch(text)
    if found is None or found[2] not in SECONDS or int(found[1]) == 0:
        raise ValueError(f"{text!r} is no rate such as 1200/min")
    return Rate(int(found[1]), SECONDS[found[2]])

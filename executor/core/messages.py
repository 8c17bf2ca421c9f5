"""How the platform's own lines look in a task's log (reference §5.10)."""

from datetime import UTC, datetime
from typing import Literal

Level = Literal["DEBUG", "INFO", "WARN", "ERROR"]


def message_lines(level: Level, message: str) -> list[str]:
    """Returns a message as the lines ``[HH:MM:SS.mmm] [LEVEL] message``; the time is UTC."""
    moment = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
    return f"[{moment}] [{level}] {message}".split("\n")


def marker_line(stage: str, boundary: Literal["BEGIN", "END"]) -> str:
    """Returns the line that marks where a stage begins or ends."""
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"========== {stage.upper()} {boundary} at {moment} =========="

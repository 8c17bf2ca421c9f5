"""How a stage can fail; :mod:`executor.core.run` turns each into an outcome."""

import logging
import traceback
from typing import Literal

from executor.core.redaction import Redactor

_logger = logging.getLogger(__name__)


class StageError(Exception):
    """The stage cannot be completed; the message is a sentence for the person who started it."""


class EngineFailed(StageError):
    """The engine ended with an error; the message is the engine's own, whole."""


class EngineError(StageError):
    """The engine's binary cannot be had.

    ``kind`` is ``user`` where the registered release is wrong (trying again does not help) and
    ``transient`` where the network or the server failed.
    """

    def __init__(self, message: str, kind: Literal["user", "transient"]) -> None:
        super().__init__(message)
        self.kind = kind


class WorkDirectoryBusyError(StageError):
    """Another engine process is still alive in the work directory."""


class TaskCancelled(Exception):
    """The task was cancelled while the stage ran; the message is the reason that was given."""


def platform_error(error: Exception, redactor: Redactor) -> str:
    """Logs an error of ours with its traceback, both redacted, and returns what a person reads."""
    _logger.error("%s", redactor.redact("".join(traceback.format_exception(error))))
    return redactor.redact(f"platform error: {type(error).__name__}: {error}")

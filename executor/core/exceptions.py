"""How a stage can fail; :mod:`executor.core.run` turns each into an outcome."""

from typing import Literal


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


class ArchiveError(StageError):
    """An uploaded configuration is refused; the message names the member that is at fault."""


class WorkDirectoryBusyError(StageError):
    """Another engine process is still alive in the work directory."""


class TaskCancelled(Exception):
    """The task was cancelled while the stage ran; the message is the reason that was given."""

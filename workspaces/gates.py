"""Gates: where others may hold a task between two stages (design §2, ``STAGE_GATES``)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from workspaces.models import TaskStage, WorkspaceTask

Answer = Literal["open", "wait"]


@dataclass(frozen=True)
class Refused:
    """A gate's final no; the reason is what the person who started the task reads."""

    reason: str


class StageGate(Protocol):
    """Holds tasks at a point of the pipeline. No worker slot is held while a task waits."""

    def applies(self, task: WorkspaceTask, stage: str) -> bool:
        """Whether this gate has a say in this task at this stage."""

    def enter(self, stage: TaskStage) -> Answer:
        """Asked once, in the transaction that reaches the gate; may write outbox rows, must not wait."""

    def review(self, stage: TaskStage) -> Answer | Refused:
        """Asked by the sweep while the task waits: whoever should have opened the gate may have died."""

    def abandon(self, stage: TaskStage, reason: str) -> None:
        """Told in the transaction that cancels a task that waits: nothing may stay pending.

        Every gate is told, since what applied when the task came may not apply now.
        """


@lru_cache(maxsize=8)
def _load(paths: tuple[str, ...]) -> tuple[StageGate, ...]:
    return tuple(import_string(path)() for path in paths)


def configured_gates() -> tuple[StageGate, ...]:
    """All gates of the platform, in their order."""
    return _load(tuple(settings.STAGE_GATES))


def gates_for(task: WorkspaceTask, stage: str) -> list[StageGate]:
    """The configured gates that hold this task at this stage, in their order."""
    return [gate for gate in configured_gates() if gate.applies(task, stage)]

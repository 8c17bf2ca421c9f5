"""Gates: where others may hold a task between two stages (design §2, ``STAGE_GATES``)."""

from functools import lru_cache
from typing import Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from workspaces.models import TaskStage, WorkspaceTask

Answer = Literal["open", "wait"]


class StageGate(Protocol):
    """Holds tasks at a point of the pipeline. No worker slot is held while a task waits."""

    def applies(self, task: WorkspaceTask, stage: str) -> bool:
        """Whether this gate has a say in this task at this stage."""

    def enter(self, stage: TaskStage) -> Answer:
        """Asked once, in the transaction that reaches the gate; may write outbox rows, must not wait."""


@lru_cache(maxsize=8)
def _load(paths: tuple[str, ...]) -> tuple[StageGate, ...]:
    return tuple(import_string(path)() for path in paths)


def gates_for(task: WorkspaceTask, stage: str) -> list[StageGate]:
    """The configured gates that hold this task at this stage, in their order."""
    return [gate for gate in _load(tuple(settings.STAGE_GATES)) if gate.applies(task, stage)]

"""A gate (``STAGE_GATES``) that holds the tasks of some workspaces until a fault lets them go.

A workspace tagged ``hold:<stage>`` is held there as long as the point ``hold`` is up at
``gate.<stage>``; tagged ``deadline:<seconds>`` as well, the gate refuses when that time is over.
"""

import os
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from tests.faults.points import Points
from workspaces.gates import Answer, Refused
from workspaces.models import TaskStage, WorkspaceTask

POINTS = Points(Path(os.environ["FAULT_POINTS"]))
NO_ANSWER = "the gate got no answer in time"


class HoldingGate:
    """See :class:`workspaces.gates.StageGate`."""

    def applies(self, task: WorkspaceTask, stage: str) -> bool:
        """Whether the workspace is tagged for this stage."""
        return f"hold:{stage}" in task.workspace.tags

    def enter(self, stage: TaskStage) -> Answer:
        """Waits as long as the point is up."""
        held = POINTS.holds("hold", f"gate.{stage.name}", stage.task.workspace.workspace_id)
        return "wait" if held else "open"

    def review(self, stage: TaskStage) -> Answer | Refused:
        """Like :meth:`enter`, but refuses when the deadline is over."""
        answer = self.enter(stage)
        if answer == "wait" and _is_late(stage):
            return Refused(NO_ANSWER)
        return answer

    def abandon(self, stage: TaskStage, reason: str) -> None:
        """Leaves a trace that it was told."""
        POINTS.note_reached(f"gate.{stage.name}.abandoned", stage.task.workspace.workspace_id)


def _is_late(stage: TaskStage) -> bool:
    deadlines = (tag for tag in stage.task.workspace.tags if tag.startswith("deadline:"))
    seconds = next((float(tag.partition(":")[2]) for tag in deadlines), None)
    return seconds is not None and stage.created_at < timezone.now() - timedelta(seconds=seconds)

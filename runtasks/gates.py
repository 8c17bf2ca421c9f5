"""The gate that asks RunTasks (design §2, ``STAGE_GATES``)."""

from django.db import transaction

from runtasks.models import ResultStatus, RunTaskResult
from runtasks.services.results import GATE_SUFFIX, ask, awaits_answers, review_locked, stage_of
from runtasks.services.selection import applicable_run_tasks
from workspaces.gates import Answer, Refused
from workspaces.models import TaskStage, WorkspaceTask


class RunTaskGate:
    """Holds a task until the RunTasks of the stage have answered (C6)."""

    def applies(self, task: WorkspaceTask, stage: str) -> bool:
        """Whether anybody is asked at this stage, or was: a later change of configuration opens nothing."""
        if not stage.endswith(GATE_SUFFIX):
            return False
        name = stage_of(stage)
        asked = RunTaskResult.objects.filter(task=task, stage=name).exists()
        return asked or bool(applicable_run_tasks(task.workspace, name))

    def enter(self, stage: TaskStage) -> Answer:
        """Writes the results and, into the outbox, the webhooks of the first batch."""
        return ask(stage)

    def review(self, stage: TaskStage) -> Answer | Refused:
        """What the results say, should whoever wrote the last one not have lived to say so."""
        if awaits_answers(stage.pk):
            return "wait"
        with transaction.atomic():
            return review_locked(stage.pk)

    def abandon(self, stage: TaskStage, reason: str) -> None:
        """Ends what is still open, and its tokens with it (RTCANCEL)."""
        rows = RunTaskResult.objects.filter(gate=stage)
        rows.close(ResultStatus.ERROR, f"The task was cancelled: {reason}")

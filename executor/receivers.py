"""What happens after a task's status has changed; receivers only enqueue."""

from typing import Any

from django.dispatch import receiver

from executor.dispatch import dispatch
from workspaces.models import TaskStage
from workspaces.services.queue import start_next
from workspaces.signals import task_transitioned
from workspaces.task_status import FINAL, StageStatus, TaskStatus


@receiver(task_transitioned)
def dispatch_first_stage(task_id: int, to_status: str, **_: Any) -> None:
    """A task that was set running has a stage that is ready."""
    if to_status != TaskStatus.RUNNING:
        return
    ready = TaskStage.objects.filter(task_id=task_id, status=StageStatus.READY)
    for stage_id in ready.values_list("pk", flat=True):
        dispatch(stage_id)


@receiver(task_transitioned)
def ask_the_queue(workspace_id: int, to_status: str, **_: Any) -> None:
    """A new task may start, or a task that ended may have made room."""
    if to_status == TaskStatus.PENDING or to_status in FINAL:
        start_next(workspace_id)

"""Room for people: a background task never takes the last free slot of a worker."""

from executor.running import RunningStages
from workspaces.models import TaskStage


def must_leave_room(stage_id: int, running: RunningStages) -> bool:
    """Whether a stage has to wait: it is nobody's, and would leave no slot for the next task of a person.

    It stays ready, and the sweep sends its hint again. A worker with a single slot runs whatever comes.
    """
    if running.slots < 2 or len(running.claims()) + 1 < running.slots:
        return False
    return TaskStage.objects.filter(pk=stage_id, task__is_background=True).exists()

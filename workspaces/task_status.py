"""Statuses, stages and allowed moves of a WorkspaceTask: data, no behaviour (reference §0)."""

from django.db.models import TextChoices


class TaskType(TextChoices):
    """What a task does; ``plan`` is accepted on input for ``plan_only``."""

    PLAN_ONLY = "plan_only", "Plan only"
    PLAN_AND_APPLY = "plan_and_apply", "Plan and apply"
    DRIFT_CHECK = "drift_check", "Drift check"


class TaskStatus(TextChoices):
    """Where a task stands as a whole."""

    PENDING = "pending", "Pending"
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    APPLY_PENDING = "apply_pending", "Waiting for approval"
    PLANNED_AND_FINISHED = "planned_and_finished", "Planned and finished"
    SUCCESS = "success", "Success"
    APPLIED = "applied", "Applied"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Phase(TextChoices):
    """Half of a task's life."""

    PLAN = "plan", "Plan"
    APPLY = "apply", "Apply"


class Stage(TextChoices):
    """What a task is doing, as stage rows and the task's ``stage`` name it.

    ``rescue`` is only in the chain of a task whose worker died while it applied (design §3).
    """

    PENDING = "pending", "Pending"
    FETCHING = "fetching", "Fetching"
    INIT = "init", "Init"
    PRE_PLAN_RUN_TASKS = "pre_plan_run_tasks", "Pre-plan run tasks"
    PLANNING = "planning", "Planning"
    SAVING_PLAN = "saving_plan", "Saving plan"
    POST_PLAN_RUN_TASKS = "post_plan_run_tasks", "Post-plan run tasks"
    APPLY_PENDING = "apply_pending", "Waiting for approval"
    PLANNED_AND_FINISHED = "planned_and_finished", "Planned and finished"
    COMPLETED = "completed", "Completed"
    RESTORING_PLAN = "restoring_plan", "Restoring plan"
    PRE_APPLY_RUN_TASKS = "pre_apply_run_tasks", "Pre-apply run tasks"
    APPLYING = "applying", "Applying"
    RESCUE = "rescue", "Rescue"
    SAVING_STATE = "saving_state", "Saving state"
    APPLIED = "applied", "Applied"
    POST_APPLY_RUN_TASKS = "post_apply_run_tasks", "Post-apply run tasks"


class StageStatus(TextChoices):
    """The life of a stage row (design §3)."""

    READY = "ready", "Ready"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    LOST = "lost", "Lost"


class ExecutionMode(TextChoices):
    """Where the engine runs."""

    LOCAL = "local", "Local"
    AGENT = "agent", "Agent"
    K8S = "k8s", "Kubernetes"


FINAL = frozenset(
    {
        TaskStatus.PLANNED_AND_FINISHED,
        TaskStatus.SUCCESS,
        TaskStatus.APPLIED,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
    }
)
LIVE = frozenset(set(TaskStatus) - FINAL)
HOLDS_WORKSPACE = frozenset({TaskStatus.RUNNING, TaskStatus.APPLY_PENDING})

ALLOWED_MOVES: dict[str, frozenset[str]] = {
    TaskStatus.PENDING: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED, TaskStatus.FAILED}),
    TaskStatus.WAITING: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED, TaskStatus.FAILED}),
    TaskStatus.RUNNING: frozenset(
        {
            TaskStatus.WAITING,
            TaskStatus.APPLY_PENDING,
            TaskStatus.PLANNED_AND_FINISHED,
            TaskStatus.SUCCESS,
            TaskStatus.APPLIED,
            TaskStatus.FAILED,
            TaskStatus.CANCELLED,
        }
    ),
    TaskStatus.APPLY_PENDING: frozenset(
        {TaskStatus.RUNNING, TaskStatus.CANCELLED, TaskStatus.FAILED}
    ),
}

# Out of a final status leads only the repair of a failure that was the platform's own: what was applied
# could not be saved. Nothing but `transitions.repair` looks in here (reference O5, F9).
REPAIRS: dict[str, frozenset[str]] = {TaskStatus.FAILED: frozenset({TaskStatus.APPLIED})}

PLAN_STAGES: tuple[str, ...] = (
    Stage.FETCHING,
    Stage.INIT,
    Stage.PRE_PLAN_RUN_TASKS,
    Stage.PLANNING,
    Stage.SAVING_PLAN,
    Stage.POST_PLAN_RUN_TASKS,
)
APPLY_STAGES: tuple[str, ...] = (
    Stage.FETCHING,
    Stage.INIT,
    Stage.RESTORING_PLAN,
    Stage.PRE_APPLY_RUN_TASKS,
    Stage.APPLYING,
    Stage.SAVING_STATE,
    Stage.POST_APPLY_RUN_TASKS,
)
STAGES_OF: dict[str, tuple[str, ...]] = {Phase.PLAN: PLAN_STAGES, Phase.APPLY: APPLY_STAGES}
GATES = frozenset(
    {
        Stage.PRE_PLAN_RUN_TASKS,
        Stage.POST_PLAN_RUN_TASKS,
        Stage.PRE_APPLY_RUN_TASKS,
        Stage.POST_APPLY_RUN_TASKS,
    }
)

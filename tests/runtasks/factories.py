"""RunTasks, attachments and tasks that wait for them."""

# The library types its factories but not what they are declared with.
# mypy: disable-error-code="attr-defined, no-untyped-call"

from typing import Any

import factory

from executor.core.outcome import ApplyOutput, PlanFileOutput, PlanOutput, SavedStateOutput
from iacplatform.terraform.plan import PlanSummary
from runtasks.models import RunTask, RunTaskResult, RunTaskStage, WorkspaceRunTask
from tests.domain import (
    a_running_task,
    finish_stage,
)
from tests.factories import OrganizationFactory, TaskFactory, WorkspaceFactory
from workspaces.models import WorkspaceTask
from workspaces.services.tasks import start_apply

NOWHERE = "http://127.0.0.1:9/hook"  # the discard port: nobody listens
STATE = b'{"version": 4, "serial": 1, "lineage": "x", "resources": []}'
PLANNED = PlanOutput(b'{"format_version": "1.2"}', PlanSummary(add=1, has_changes=True))
# What the worker's stages before each gate make.
STEPS: dict[str, list[dict[str, Any]]] = {
    "pre_plan": [{}, {}],
    "post_plan": [{"output": PlanFileOutput(b"plan", "a" * 64)}, {"output": PLANNED}],
    "pre_apply": [{}, {}, {}],
    "post_apply": [{"output": ApplyOutput(STATE)}, {"output": SavedStateOutput(version=1)}],
}


class RunTaskFactory(factory.django.DjangoModelFactory[RunTask]):
    """A RunTask of the seeded organization."""

    class Meta:
        model = RunTask

    class Params:
        everywhere = factory.Trait(is_global=True)

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda number: f"check-{number}")
    endpoint_url = NOWHERE


class AttachmentFactory(factory.django.DjangoModelFactory[WorkspaceRunTask]):
    """A mandatory RunTask at post_plan."""

    class Meta:
        model = WorkspaceRunTask

    workspace = factory.SubFactory(WorkspaceFactory)
    run_task = factory.SubFactory(RunTaskFactory)
    stage = RunTaskStage.POST_PLAN
    enforcement_level = "mandatory"


class ResultFactory(factory.django.DjangoModelFactory[RunTaskResult]):
    """A result that is open at the first stage of its task; nobody was asked."""

    class Meta:
        model = RunTaskResult

    task = factory.SubFactory(TaskFactory)
    gate = factory.LazyAttribute(lambda row: row.task.stages.first())
    run_task = factory.SubFactory(RunTaskFactory)
    run_task_name = factory.SelfAttribute("run_task.name")
    endpoint_url = NOWHERE
    stage = RunTaskStage.POST_PLAN
    enforcement_level = "mandatory"
    timeout_seconds = 600
    max_run_seconds = 3600


def attach(task: WorkspaceTask, url: str = NOWHERE, **fields: Any) -> WorkspaceRunTask:
    """Attaches a new RunTask, whose own fields begin with ``run_task__``, to the task's workspace."""
    return AttachmentFactory.create(
        workspace=task.workspace, **({"run_task__endpoint_url": url} | fields)
    )


def reach(task: WorkspaceTask, stage: str = "post_plan", *, after: str = "") -> WorkspaceTask:
    """Runs a task that was set running, or has passed the gate ``after``, on to the gate of ``stage``.

    It passes gates at which nobody is asked.
    """
    names = list(STEPS)
    first = names.index(after) + 1 if after else 0
    for name in names[first : names.index(stage) + 1]:
        if name == "pre_apply":
            start_apply(task, actor="ada")
        for outcome in STEPS[name]:
            finish_stage(task, **outcome)
    return task


def waiting_task(url: str = NOWHERE, stage: str = "post_plan", **fields: Any) -> WorkspaceTask:
    """A task that waits at a gate for one RunTask."""
    task = a_running_task()
    attach(task, url, stage=stage, **fields)
    return reach(task, stage)


def result_of(task: WorkspaceTask) -> RunTaskResult:
    """The only result of a task, as it is now."""
    return RunTaskResult.objects.get(task=task)

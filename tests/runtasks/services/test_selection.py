"""Which RunTasks are asked."""

import pytest

from runtasks.models import RunTask, RunTaskStage
from runtasks.services.selection import applicable_run_tasks, global_run_tasks
from tests.factories import OrganizationFactory, WorkspaceFactory
from tests.runtasks.factories import AttachmentFactory, RunTaskFactory
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


def asked(workspace: Workspace, stage: RunTaskStage = RunTaskStage.POST_PLAN) -> list[str]:
    return [each.run_task.name for each in applicable_run_tasks(workspace, stage)]


def test_an_attachment_is_asked_at_its_stage_only(workspace: Workspace) -> None:
    AttachmentFactory.create(workspace=workspace, run_task__name="policy")

    assert {stage: asked(workspace, stage) for stage in RunTaskStage} == {
        "pre_plan": [],
        "post_plan": ["policy"],
        "pre_apply": [],
        "post_apply": [],
    }


def test_a_global_run_task_is_asked_at_exactly_its_stages(workspace: Workspace) -> None:
    """F31: no stage is found as a part of another's name."""
    RunTaskFactory.create(
        name="everywhere", is_global=True, global_stages=["pre_plan", "post_apply"]
    )

    assert [stage.value for stage in RunTaskStage if asked(workspace, stage)] == [
        "pre_plan",
        "post_apply",
    ]


def test_one_run_task_may_be_attached_at_several_stages(workspace: Workspace) -> None:
    run_task = RunTaskFactory.create(name="policy")
    for stage in ("pre_plan", "pre_apply"):
        AttachmentFactory.create(workspace=workspace, run_task=run_task, stage=stage)

    assert [stage.value for stage in RunTaskStage if asked(workspace, stage)] == [
        "pre_plan",
        "pre_apply",
    ]


@pytest.mark.parametrize(
    "attachment",
    [
        {"enabled": False},
        {"stage": "pre_plan"},
        {"stage": "pre_plan", "enabled": False},
    ],
)
def test_any_attachment_replaces_the_global_configuration(
    workspace: Workspace, attachment: dict[str, object]
) -> None:
    """F38: also a disabled one, also one of another stage."""
    run_task = RunTaskFactory.create(is_global=True)
    AttachmentFactory.create(workspace=workspace, run_task=run_task, **attachment)
    elsewhere = WorkspaceFactory.create()

    assert asked(workspace) == []
    assert global_run_tasks(workspace) == []
    assert asked(elsewhere) == [run_task.name]


def test_an_attachment_has_its_own_terms(workspace: Workspace) -> None:
    run_task = RunTaskFactory.create(is_global=True, global_enforcement_level="mandatory")
    AttachmentFactory.create(workspace=workspace, run_task=run_task, enforcement_level="advisory")

    (found,) = applicable_run_tasks(workspace, RunTaskStage.POST_PLAN)

    assert found.enforcement_level == "advisory"


def test_what_is_disabled_is_not_asked(workspace: Workspace) -> None:
    RunTaskFactory.create(is_global=True, enabled=False)
    AttachmentFactory.create(workspace=workspace, run_task__enabled=False)
    AttachmentFactory.create(workspace=workspace, enabled=False)

    assert asked(workspace) == []


def test_a_global_run_task_is_its_organizations_or_the_whole_platforms(
    workspace: Workspace,
) -> None:
    elsewhere = OrganizationFactory.create(name="elsewhere")
    RunTaskFactory.create(name="ours", is_global=True)
    RunTaskFactory.create(name="theirs", is_global=True, organization=elsewhere)
    RunTaskFactory.create(name="everybodys", is_global=True, organization=None)

    assert asked(workspace) == ["ours", "everybodys"]


def test_lower_priorities_come_first(workspace: Workspace) -> None:
    for name, priority in (("last", 7), ("first", -7)):
        AttachmentFactory.create(workspace=workspace, run_task__name=name, priority=priority)
    RunTaskFactory.create(name="between", is_global=True)

    assert asked(workspace) == ["first", "between", "last"]
    assert RunTask.objects.count() == 3

"""What becomes of checks, and what is announced of them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from executor.core.outcome import StageOutcome
from executor.pipeline import close_stage
from tests.domain import claimed, finish_plan, finish_stage
from tests.factories import ResourceFactory, StateVersionFactory, UserFactory, VariableFactory
from tests.workspaces import heard
from tests.workspaces.drift.checks import (
    a_deployed_workspace,
    a_finished_check,
    a_running_check,
    drifted,
    status_of,
)
from workspaces.drift.models import DriftCheck, DriftIgnoreRule, Severity
from workspaces.drift.services.configuration import create_rule, delete_rule, update_rule
from workspaces.drift.services.scheduler import schedule_checks
from workspaces.models import TaskPlan, Workspace, WorkspaceTask
from workspaces.services.applied_states import finish_apply
from workspaces.services.cancellation import cancel_task
from workspaces.services.queue import start_next
from workspaces.services.tasks import create_task, start_apply
from workspaces.task_events import TaskEvent
from workspaces.task_status import TaskType

pytestmark = pytest.mark.django_db
ONE, TWO = drifted("aws_eip.one"), drifted("aws_eip.two", action="delete")


@pytest.fixture(autouse=True)
def _subscribed(settings: Any) -> Iterator[None]:
    settings.TASK_EVENT_SUBSCRIBERS = [
        "tests.workspaces.heard.hear",
        "workspaces.drift.subscriber.follow",
    ]
    heard.HEARD.clear()
    yield
    heard.HEARD.clear()


def announced() -> list[TaskEvent]:
    return [event for event in heard.HEARD if event.name == "drift_detected"]


# --- The life of a check


def test_a_check_follows_its_task() -> None:
    workspace = a_deployed_workspace()
    task = a_running_check(workspace)
    check = DriftCheck.objects.get(task=task)
    assert (check.status, check.state_version) == ("running", 1)
    assert status_of(workspace).check_status == "running"

    finish_plan(task, drifted=())

    check.refresh_from_db()
    status = status_of(workspace)
    assert (check.status, check.has_drift, check.resources) == ("success", False, None)
    assert (status.check_status, status.has_drift, status.last_check) == ("success", False, check)
    assert status.last_check_at is not None
    assert check.completed_at is not None


def test_what_a_check_finds_is_kept_below_the_resources_of_the_workspace() -> None:
    """F43."""
    workspace = a_deployed_workspace()
    ResourceFactory.create(
        workspace=workspace,
        resource_type="aws_vpc",
        resource_name="main",
        tf_code={"module": {"aws_vpc_main": {"source": "./vpc"}}},
    )
    check = a_finished_check(workspace, drifted("module.aws_vpc_main.aws_vpc.this"), TWO)

    assert check.resources is not None
    assert [each["resource_id"] for each in check.resources] == [None, "aws_vpc.main"]
    assert (check.drift_count, check.total_resources, check.severity) == (2, 1, "destroyed")
    assert check.severities == {"changed": 1, "destroyed": 1}
    status = status_of(workspace)
    assert (status.has_drift, status.drift_count, status.severity) == (True, 2, "destroyed")
    assert status.drifted_since is not None
    assert status.result == check


def test_a_check_that_fails_says_why_and_leaves_what_was_known() -> None:
    workspace = a_deployed_workspace()
    known = a_finished_check(workspace, ONE)
    task = a_running_check(workspace)

    finish_stage(task, result="failed", message="Error: no credentials")

    status = status_of(workspace)
    assert (status.check_status, status.message) == ("failed", "Error: no credentials")
    assert (status.has_drift, status.result) == (True, known)


def test_a_check_that_is_cancelled_is_cancelled() -> None:
    workspace = a_deployed_workspace()
    task = a_running_check(workspace)

    cancel_task(task, user=UserFactory.create(), reason="not now")

    check = DriftCheck.objects.get(task=task)
    assert (check.status, check.message) == ("cancelled", "not now")
    assert status_of(workspace).check_status == "cancelled"


def test_a_check_whose_workspace_was_changed_meanwhile_says_nothing() -> None:
    """What was applied in between would look like drift."""
    workspace = a_deployed_workspace()
    task = a_running_check(workspace)
    StateVersionFactory.create(workspace=workspace)

    finish_plan(task, drifted=(ONE,))

    check = DriftCheck.objects.get(task=task)
    assert (check.status, check.has_drift) == ("skipped", False)
    assert "changed while it was checked" in check.message
    assert not status_of(workspace).has_drift
    assert announced() == []


def test_a_check_beside_an_apply_says_nothing() -> None:
    workspace = a_deployed_workspace()
    task = a_running_check(workspace)
    an_apply(workspace)

    finish_plan(task, drifted=(ONE,))

    assert DriftCheck.objects.get(task=task).status == "skipped"


def test_a_check_without_what_its_plan_said_has_failed() -> None:
    """A plan that an older version of the platform has saved."""
    workspace = a_deployed_workspace()
    task = a_running_check(workspace)
    for _ in ("fetching", "init", "planning"):
        finish_stage(task)
    TaskPlan.objects.create(task=task, plan_file=b"plan")

    close_stage(claimed(task), StageOutcome("done"))

    assert DriftCheck.objects.get(task=task).status == "failed"


# --- Announcing


def test_new_drift_is_announced_with_its_count_and_the_worst_of_it() -> None:
    """F40."""
    check = a_finished_check(a_deployed_workspace(), ONE, TWO)

    (event,) = announced()
    assert event.task == check.task
    assert event.reason == "2 resources have drifted; the worst is destroyed"
    assert event.details == {
        "drift_count": 2,
        "severity": "destroyed",
        "severities": {"changed": 1, "destroyed": 1},
        "check_id": check.check_id,
    }


def test_the_end_of_the_check_is_told_before_the_drift(settings: Any) -> None:
    """With the order of subscribers that the platform has."""
    a_finished_check(a_deployed_workspace(), ONE)

    assert [event.name for event in heard.HEARD][-2:] == ["task_planned", "drift_detected"]


def test_the_same_drift_is_announced_once() -> None:
    """F40: two checks, one event."""
    workspace = a_deployed_workspace()
    a_finished_check(workspace, ONE, TWO)
    a_finished_check(workspace, TWO, ONE)

    assert len(announced()) == 1


@pytest.mark.parametrize(
    ("then", "events"),
    [
        ([ONE, TWO], 2),
        ([drifted("aws_eip.one", size=(1, 3))], 2),
        ([drifted("aws_eip.one", action="delete")], 2),
        ([], 1),
    ],
    ids=["more", "another value", "worse", "gone"],
)
def test_more_or_other_drift_is_announced_again(then: list[Any], events: int) -> None:
    workspace = a_deployed_workspace()
    a_finished_check(workspace, ONE)
    a_finished_check(workspace, *then)

    assert len(announced()) == events


def test_less_drift_is_nothing_new_but_its_return_is() -> None:
    workspace = a_deployed_workspace()
    a_finished_check(workspace, ONE, TWO)
    a_finished_check(workspace, TWO)
    assert len(announced()) == 1

    a_finished_check(workspace, ONE, TWO)

    assert len(announced()) == 2
    assert len({event.key for event in announced()}) == 2


# --- Clearing


def a_plan(workspace: Workspace, task_type: TaskType, **fields: Any) -> WorkspaceTask:
    """A task that has begun to plan."""
    task = create_task(workspace, user=None, task_type=task_type, **fields)
    start_next(workspace.pk)
    task.refresh_from_db()
    return task


def an_apply(workspace: Workspace, **fields: Any) -> WorkspaceTask:
    """A task that applies."""
    task = a_plan(workspace, TaskType.PLAN_AND_APPLY, **fields)
    finish_plan(task, add=1, has_changes=True)
    start_apply(task, actor="ada")
    return task


def a_drifted_workspace() -> Workspace:
    workspace = a_deployed_workspace()
    a_finished_check(workspace, ONE)
    assert status_of(workspace).has_drift
    return workspace


def test_a_full_apply_clears_the_drift() -> None:
    workspace = a_drifted_workspace()

    finish_apply(an_apply(workspace))

    status = status_of(workspace)
    assert (status.has_drift, status.drift_count, status.severity) == (False, 0, "")
    assert (status.drifted_since, status.result) == (None, None)


def test_after_it_was_cleared_the_same_drift_is_new() -> None:
    workspace = a_drifted_workspace()
    finish_apply(an_apply(workspace))

    a_finished_check(workspace, ONE)

    assert len(announced()) == 2


def test_an_apply_with_targets_clears_nothing() -> None:
    workspace = a_drifted_workspace()

    finish_apply(an_apply(workspace, targets=["aws_eip.two"]))

    assert status_of(workspace).has_drift


@pytest.mark.parametrize("task_type", [TaskType.PLAN_ONLY, TaskType.PLAN_AND_APPLY])
def test_a_plan_without_changes_clears_the_drift(task_type: TaskType) -> None:
    workspace = a_drifted_workspace()

    finish_plan(a_plan(workspace, task_type), has_changes=False)

    assert not status_of(workspace).has_drift


def test_a_plan_without_changes_shows_that_the_resources_are_applied() -> None:
    """Reference §5.11: such as those of a state that was uploaded."""
    workspace = a_deployed_workspace()
    resource = ResourceFactory.create(workspace=workspace)

    finish_plan(a_plan(workspace, TaskType.PLAN_ONLY), has_changes=False)

    resource.refresh_from_db()
    assert resource.last_applied_at is not None


def test_a_plan_with_changes_clears_nothing() -> None:
    workspace = a_drifted_workspace()

    finish_plan(a_plan(workspace, TaskType.PLAN_ONLY), add=1, has_changes=True)

    assert status_of(workspace).has_drift


def test_a_plan_without_changes_that_sees_drift_clears_nothing() -> None:
    """What no configuration says anything about is not put right by an apply."""
    workspace = a_drifted_workspace()

    finish_plan(a_plan(workspace, TaskType.PLAN_ONLY), has_changes=False, drifted=(ONE,))

    assert status_of(workspace).has_drift


@pytest.mark.parametrize(
    ("arguments", "clears"),
    [
        ("-target=aws_eip.two", False),
        ("-target aws_eip.two", False),
        ("--exclude=aws_eip.two", False),
        ("-refresh=false", False),
        ("-parallelism=3", True),
        ("-refresh=true", True),
    ],
)
def test_arguments_that_leave_something_out_count_as_targets(arguments: str, clears: bool) -> None:
    workspace = a_drifted_workspace()
    VariableFactory.create(
        workspace=workspace, key="TF_CLI_ARGS", value=arguments, environment=True
    )

    finish_plan(a_plan(workspace, TaskType.PLAN_ONLY), has_changes=False)

    assert status_of(workspace).has_drift is not clears


def test_another_workspaces_apply_clears_nothing() -> None:
    workspace = a_drifted_workspace()

    finish_apply(an_apply(a_deployed_workspace("other")))

    assert status_of(workspace).has_drift


def test_a_failed_apply_clears_nothing() -> None:
    workspace = a_drifted_workspace()

    close_stage(claimed(an_apply(workspace)), StageOutcome("failed", "Error"))

    assert status_of(workspace).has_drift


# --- Ignoring


def a_rule(workspace: Workspace, pattern: str, **fields: Any) -> DriftIgnoreRule:
    user = UserFactory.create()
    return create_rule(workspace, user=user, address_pattern=pattern, reason="known", **fields)


def test_a_rule_counts_for_what_is_known_already() -> None:
    workspace = a_drifted_workspace()

    rule = a_rule(workspace, "aws_eip.*")

    status = status_of(workspace)
    assert (status.has_drift, status.drift_count, status.severity) == (False, 0, "")
    check = status.result
    assert check is not None
    assert check.ignored_count == 1
    assert check.resources is not None
    assert check.resources[0]["drifted_children"][0]["ignored_by"] == rule.rule_id


def test_what_is_ignored_is_not_announced() -> None:
    workspace = a_deployed_workspace()
    a_rule(workspace, "aws_eip.one")

    a_finished_check(workspace, ONE)

    assert announced() == []
    assert not status_of(workspace).has_drift


def test_a_rule_that_goes_leaves_drift_behind_and_says_so() -> None:
    workspace = a_deployed_workspace()
    rule = a_rule(workspace, "aws_eip.one")
    check = a_finished_check(workspace, ONE)

    delete_rule(rule)

    assert status_of(workspace).has_drift
    assert [event.task for event in announced()] == [check.task]


def test_a_rule_can_be_narrowed() -> None:
    workspace = a_drifted_workspace()
    rule = a_rule(workspace, "aws_eip.*")

    update_rule(rule, attribute_path="tags")

    assert status_of(workspace).severity == Severity.CHANGED


def test_a_rule_that_goes_and_comes_is_one_event() -> None:
    """The idempotency key of a finding is the same however often it is judged."""
    workspace = a_drifted_workspace()
    for _ in range(3):
        delete_rule(a_rule(workspace, "*"))

    assert len({event.key for event in announced()}) == 1


def test_an_expired_rule_ignores_nothing() -> None:
    workspace = a_deployed_workspace()
    a_rule(workspace, "*", expires_at=timezone.now() - timedelta(seconds=1))

    a_finished_check(workspace, ONE)

    assert status_of(workspace).has_drift


def test_what_a_rule_hid_is_drift_when_it_expires() -> None:
    """Found by the scheduler, and announced."""
    workspace = a_deployed_workspace()
    rule = a_rule(workspace, "*", expires_at=timezone.now() + timedelta(hours=1))
    a_finished_check(workspace, ONE)
    DriftIgnoreRule.objects.filter(pk=rule.pk).update(expires_at=timezone.now())
    status = status_of(workspace)
    status.judged_at = timezone.now() - timedelta(minutes=1)
    status.save()
    assert announced() == []

    schedule_checks()
    schedule_checks()

    assert status_of(workspace).has_drift
    assert len(announced()) == 1

"""Run triggers on a running platform, with workers that are killed at each hop of a chain."""

from collections.abc import Iterator

import pytest

from tests.system.configurations import resources
from tests.system.platform import Platform, TaskUnderTest, WorkspaceUnderTest, wait_until
from tests.system.triggers import (
    chain,
    changing_engine,
    executions,
    holding,
    kill_control_worker,
    kill_stage_worker,
    link,
    replace_stage_worker,
    start_control_worker,
    tasks_of,
    triggered_task,
    wait_until_blocked,
)

pytestmark = pytest.mark.timeout(240)
LONG = 50
LONG_SECONDS = 180.0


@pytest.fixture
def control_worker(platform: Platform) -> Iterator[None]:
    """There is one again after a test that kills it."""
    yield
    kill_control_worker(platform)
    start_control_worker(platform)


def eager(platform: Platform) -> WorkspaceUnderTest:
    """A workspace that applies by itself what it plans."""
    return platform.workspace(resources(one="1"), auto_apply=True)


def planned(workspace: WorkspaceUnderTest) -> TaskUnderTest:
    """A task that waits for approval, whatever its workspace says."""
    workspace.platform.client.patch(workspace.path, {"auto_apply": False})
    task = workspace.run()
    assert task.status == "apply_pending"
    return task


def name_of(workspace: WorkspaceUnderTest) -> str:
    return str(workspace.get()["name"])


def was_triggered_once(source: TaskUnderTest, target: WorkspaceUnderTest) -> TaskUnderTest:
    """Checks that a target has exactly the task that the source has triggered, and returns it."""
    (task,) = tasks_of(target)
    (execution,) = executions(source)
    assert (execution["status"], execution["target_task_id"]) == ("triggered", task.task_id)
    assert task.get()["description"] == (
        f"Triggered by workspace {name_of(source.workspace)} (task #{source.task_id})"
    )
    return task


def test_applies_go_on_from_workspace_to_workspace_as_far_as_they_are_approved(
    platform: Platform,
) -> None:
    """F7, S4-5: by itself where auto_apply is on, confirmed by the system; else when a person approves."""
    first, second, third, fourth = (
        eager(platform),
        eager(platform),
        platform.workspace(resources(one="1")),
        eager(platform),
    )
    chain(first, second, third, fourth)
    start = first.start()

    assert triggered_task(second).wait() == "applied"
    by_itself = was_triggered_once(start, second)
    assert by_itself.get()["apply_confirmed_by"] == "system"
    by_hand = triggered_task(third)
    assert by_hand.wait("apply_pending") == "apply_pending"
    assert tasks_of(fourth) == []
    by_hand.confirm()

    assert by_hand.wait() == "applied"
    assert by_hand.get()["apply_confirmed_by"] != "system"
    assert triggered_task(fourth).wait() == "applied"
    assert by_itself.get()["created_by"] == start.get()["created_by"]
    for workspace in (first, second, third, fourth):
        assert workspace.state()["resources"]


def test_a_locked_target_is_kept_and_fired_after_its_unlock(platform: Platform) -> None:
    """F5: visible with its reason meanwhile."""
    source, target = eager(platform), eager(platform)
    link(source, target)
    target.post("/lock", {"reason": "Moving house"})
    task = source.apply()

    def says_why() -> bool:
        return str(executions(task)[0]["message"]).endswith("Moving house")

    wait_until(says_why, "the execution says why it waits")
    assert tasks_of(target) == []
    target.post("/unlock")

    assert triggered_task(target).wait() == "applied"
    was_triggered_once(task, target)


def test_sources_that_wait_for_one_target_share_one_task(platform: Platform) -> None:
    """Both are due while a plan of the target waits for approval: its end lets one task begin."""
    sources = [eager(platform), eager(platform)]
    target = platform.workspace(resources(one="1"))
    for source in sources:
        link(source, target)
    busy = target.run()
    assert busy.status == "apply_pending"
    tasks = [source.apply() for source in sources]
    wait_until(
        lambda: all("is locked by" in executions(task)[0]["message"] for task in tasks),
        "both wait",
    )
    busy.confirm()

    assert busy.wait() == "applied"
    wait_until(lambda: len(tasks_of(target)) == 2, "one task is triggered")
    merged = tasks_of(target)[1]
    assert merged.wait() == "planned_and_finished"
    assert len(tasks_of(target)) == 2
    for task in tasks:
        assert executions(task)[0]["target_task_id"] == merged.task_id
        assert f"{name_of(task.workspace)} (task #{task.task_id})" in merged.get()["description"]


def test_a_stage_worker_that_is_killed_before_the_commit_of_an_apply_triggers_once(
    platform: Platform,
) -> None:
    """S4-5: nothing was due, because nothing was applied yet; the next worker ends the task."""
    source, target = eager(platform), eager(platform)
    link(source, target)
    task = planned(source)

    with holding(
        platform,
        "SELECT 1 FROM triggers_tasktriggerexecution WHERE source_task_id = %s FOR UPDATE",
        task.task_id,
    ):
        task.confirm()
        wait_until_blocked(platform, 'UPDATE "triggers_tasktriggerexecution"')
        kill_stage_worker(platform)
    assert task.status == "running"
    assert tasks_of(target) == []
    replace_stage_worker(platform)

    assert task.wait() == "applied"
    assert triggered_task(target).wait() == "applied"
    was_triggered_once(task, target)


def test_what_a_commit_has_made_due_is_fired_although_every_hint_is_lost(
    platform: Platform, control_worker: None
) -> None:
    """S4-5: the worker dies right after the commit, the message with it."""
    source, target = eager(platform), eager(platform)
    link(source, target)
    task = source.start()
    task.wait_for_stage("planning")
    kill_control_worker(platform)

    assert task.wait() == "applied"
    kill_stage_worker(platform)
    platform.lose_messages()
    assert executions(task)[0]["due_at"] is not None
    assert tasks_of(target) == []
    start_control_worker(platform)
    replace_stage_worker(platform)

    assert triggered_task(target).wait() == "applied"
    was_triggered_once(task, target)


@pytest.mark.parametrize(
    ("lock", "blocked"),
    [
        ("SELECT FROM workspaces_workspace WHERE workspace_id = %s FOR UPDATE", "SELECT"),
        ("LOCK TABLE workspaces_tasksnapshot IN SHARE MODE", "INSERT"),
    ],
    ids=["before it has begun", "with the task half made"],
)
def test_a_control_worker_that_is_killed_while_it_fires_triggers_once(
    platform: Platform, control_worker: None, lock: str, blocked: str
) -> None:
    """S4-5, F13: what it had begun is as if it had not been; the next one does it whole."""
    source, target = eager(platform), eager(platform)
    link(source, target)
    task = planned(source)

    with holding(platform, lock, *[target.workspace_id] * lock.count("%s")):
        task.confirm()
        assert task.wait() == "applied"
        wait_until_blocked(platform, f"{blocked} ")
        kill_control_worker(platform)
    assert tasks_of(target) == []
    start_control_worker(platform)

    assert triggered_task(target).wait() == "applied"
    was_triggered_once(task, target)


def test_a_chain_goes_to_its_end_although_a_worker_is_killed_at_each_hop(
    platform: Platform, control_worker: None
) -> None:
    """S4-5: the stage worker and the control worker in turn, as soon as a task of the next one is there."""
    workspaces = [eager(platform) for _ in range(4)]
    chain(*workspaces)
    first = workspaces[0].start()

    for number, workspace in enumerate(workspaces[1:]):
        task = triggered_task(workspace)
        if number % 2:
            kill_control_worker(platform)
            start_control_worker(platform)
        else:
            task.wait_for_stage("planning")
            kill_stage_worker(platform)
            replace_stage_worker(platform)
        assert task.wait() == "applied"

    assert first.status == "applied"
    assert [len(tasks_of(workspace)) for workspace in workspaces] == [1] * 4


@pytest.mark.large
def test_a_chain_of_fifty_workspaces_goes_to_its_end(platform: Platform) -> None:
    """Every hop by the workers; each workspace has exactly one task."""
    engine = changing_engine(platform)
    workspaces = [
        platform.workspace(resources(one="1"), auto_apply=True, engine_version=engine)
        for _ in range(LONG)
    ]
    chain(*workspaces)
    workspaces[0].start()

    last = triggered_task(workspaces[-1], LONG_SECONDS)
    assert last.wait() == "applied"

    found = [tasks_of(workspace) for workspace in workspaces]
    assert [len(tasks) for tasks in found] == [1] * LONG
    assert {tasks[0].status for tasks in found} == {"applied"}

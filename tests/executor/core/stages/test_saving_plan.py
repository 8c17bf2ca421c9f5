"""Stage ``saving_plan``: what the plan says."""

import hashlib

import pytest

from executor.core.cancellation import CancelToken
from executor.core.outcome import PlanOutput
from iacplatform.terraform.configuration import Configuration, Output
from tests.executor.core.in_memory import InMemoryPlatform


def summary_of(platform: InMemoryPlatform) -> PlanOutput:
    assert platform.summary is not None
    return platform.summary


def test_a_new_resource_is_counted(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}, "b": {"input": 1}}}}
    assert platform.plan().result == "done"
    summary = summary_of(platform).summary
    assert (summary.add, summary.change, summary.destroy) == (2, 0, 0)
    assert summary.has_changes
    assert summary_of(platform).plan_json.startswith(b'{"format_version"')
    assert "[INFO] Plan: 2 to add, 0 to change, 0 to destroy" in platform.text


def test_a_change_of_outputs_alone_is_a_change(platform: InMemoryPlatform) -> None:
    """S4-6: and once it is applied there is none left."""
    platform.configuration = Configuration(bodies=({},), outputs=(Output("", "a", "one"),))
    platform.plan()
    summary = summary_of(platform).summary
    assert (summary.add, summary.change, summary.destroy) == (0, 0, 0)
    assert summary.has_changes
    platform.apply()
    platform.plan()
    assert not summary_of(platform).summary.has_changes


def break_plan(platform: InMemoryPlatform) -> None:
    platform.body = {}
    platform.run("fetching")
    platform.run("init")
    platform.stored_plan = b"no plan"
    platform.changes["plan_hash"] = hashlib.sha256(b"no plan").hexdigest()


@pytest.mark.parametrize("task_type", ["plan_and_apply", "drift_check"])
def test_a_plan_that_cannot_be_shown_fails_the_task(
    platform: InMemoryPlatform, task_type: str
) -> None:
    """M1: never an empty plan with no changes."""
    platform.changes["task_type"] = task_type
    break_plan(platform)
    outcome = platform.run("saving_plan")
    assert (outcome.result, outcome.output) == ("failed", None)
    assert outcome.message.startswith("The plan cannot be shown: Error: Failed to read")


def test_a_plan_that_nobody_will_apply_goes_on_with_a_warning(platform: InMemoryPlatform) -> None:
    """M1."""
    platform.changes["task_type"] = "plan_only"
    break_plan(platform)
    outcome = platform.run("saving_plan")
    assert (outcome.result, outcome.output) == ("done", None)
    assert "[WARN] The plan cannot be shown" in platform.text


def test_the_plan_is_shown_on_a_host_that_did_not_make_it(platform: InMemoryPlatform) -> None:
    """F22: with the engine, environment and providers of the plan."""
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    for stage in ("fetching", "init", "planning"):
        platform.run(stage)
    outcome = platform.run("saving_plan", host="worker-2")
    assert outcome.result == "done", platform.text
    assert summary_of(platform).summary.add == 1
    assert "The plan file is not on this host: it is restored." in platform.text


def test_saving_a_plan_is_finished_before_a_stop(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    for stage in ("fetching", "init", "planning"):
        platform.run(stage)
    cancel = CancelToken()
    cancel.request("stop")
    assert platform.run("saving_plan", cancel=cancel).result == "done"

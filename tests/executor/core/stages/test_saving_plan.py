"""Stage ``saving_plan``: what the plan says."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from executor.core.cancellation import CancelToken
from executor.core.engine import install
from executor.core.outcome import PlanOutput
from iacplatform.embedded.engine import write_archive
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
    """F22."""
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    for stage in ("fetching", "init", "planning"):
        platform.run(stage)
    outcome = platform.run("saving_plan", host="worker-2")
    assert outcome.result == "done", platform.text
    assert summary_of(platform).summary.add == 1
    assert "The plan file is not on this host: it is restored." in platform.text


# Records how it was started, then goes on as the real engine.
RECORDING_ENGINE = """#!/bin/sh
{python} -c 'import json, os, sys
print(json.dumps([*sys.argv[1:], os.getcwd(), dict(os.environ)]))' "$0" "$1" >> {record}
exec {engine} "$@"
"""


def test_the_plan_is_shown_by_the_engine_that_made_it_in_the_same_surroundings(
    platform: InMemoryPlatform, tmp_path: Path
) -> None:
    """F22: same binary, same environment, same directories of plugins and data."""
    engine = install(platform.release, platform.settings(), lambda _: None, CancelToken())
    record = tmp_path / "record"
    script = RECORDING_ENGINE.format(python=sys.executable, record=record, engine=engine)
    wrapper = tmp_path / "wrapper.zip"
    checksum = write_archive(wrapper, script.encode())
    platform.release = replace(platform.release, download_url=wrapper.as_uri(), checksum=checksum)
    platform.changes["environment"] = {"COLOUR": "blue"}
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    assert platform.plan().result == "done", platform.text
    starts = {start[1]: start for start in map(json.loads, record.read_text().splitlines())}
    assert list(starts) == ["init", "plan", "show"]
    binary, _, directory, environment = starts["show"]
    assert starts["plan"] == [binary, "plan", directory, environment]
    assert checksum in binary
    assert directory == str(platform.directory())
    assert environment["COLOUR"] == "blue"
    assert Path(environment["TF_PLUGIN_CACHE_DIR"]).is_relative_to(directory)


def test_changes_that_only_a_sensitive_key_tells_apart_stay_two(
    platform: InMemoryPlatform,
) -> None:
    each = {"for_each": {"hunter22": 1, "hunter23": 2}}
    platform.body = {"resource": {"terraform_data": {"a": each}}}
    platform.changes["sensitive_values"] = ("hunter22", "hunter23")
    platform.plan()
    addresses = [change.address for change in summary_of(platform).summary.resource_changes]
    masked = 'terraform_data.a["***SENSITIVE***"]'
    assert addresses == [masked, f"{masked} (2)"]


def test_saving_a_plan_is_finished_before_a_stop(platform: InMemoryPlatform) -> None:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    for stage in ("fetching", "init", "planning"):
        platform.run(stage)
    cancel = CancelToken()
    cancel.request("stop")
    assert platform.run("saving_plan", cancel=cancel).result == "done"

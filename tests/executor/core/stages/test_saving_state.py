"""Stage ``saving_state``: a new version, or a backup and a lock."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from executor.core.accessor import AppliedState
from executor.core.cancellation import CancelToken
from executor.core.outcome import SavedStateOutput
from tests.executor.core.in_memory import InMemoryPlatform

STATE = json.dumps({"version": 4, "serial": 2, "lineage": "a", "resources": []}).encode()
OLDER = json.dumps({"version": 4, "serial": 1, "lineage": "a", "resources": []}).encode()


@pytest.fixture
def applied(platform: InMemoryPlatform) -> InMemoryPlatform:
    platform.applied = AppliedState(STATE, succeeded=True)
    platform.state = OLDER
    return platform


def backups(platform: InMemoryPlatform) -> list[Path]:
    return list((platform.root / "backups").glob("*"))


def test_a_new_state_is_saved_and_no_copy_stays_in_clear_text(applied: InMemoryPlatform) -> None:
    outcome = applied.run("saving_state", "apply")
    assert outcome.result == "done"
    assert outcome.output == SavedStateOutput(1)
    assert applied.state_versions == [STATE]
    assert backups(applied) == []


@pytest.mark.parametrize("current", [STATE, json.dumps(json.loads(STATE), indent=2).encode()])
def test_a_state_that_has_not_changed_is_not_saved_again(
    applied: InMemoryPlatform, current: bytes
) -> None:
    """F25: stored once, only if changed."""
    applied.state = current
    outcome = applied.run("saving_state", "apply")
    assert (outcome.result, outcome.output) == ("done", SavedStateOutput())
    assert (applied.state_versions, backups(applied)) == ([], [])


def test_an_apply_that_left_no_state_saves_nothing(applied: InMemoryPlatform) -> None:
    applied.applied = AppliedState(None, succeeded=False)
    assert applied.run("saving_state", "apply").output == SavedStateOutput()
    assert applied.state_versions == []


def test_the_fifth_try_may_succeed(applied: InMemoryPlatform) -> None:
    """S4-3: five tries."""
    applied.save_failures = 4
    assert applied.run("saving_state", "apply").result == "done"
    assert applied.state_versions == [STATE]
    assert applied.text.count("The state could not be saved") == 4


def test_five_failures_lock_the_workspace_and_name_the_backup(applied: InMemoryPlatform) -> None:
    """S4-3, O5: what was applied is in the backup, and everyone can see why it is locked."""
    applied.save_failures = 5
    outcome = applied.run("saving_state", "apply")
    (backup,) = backups(applied)
    assert outcome.result == "failed"
    assert outcome.message == f"state save failed, workspace locked, backup at: {backup}"
    reason = f"Auto-locked: State save failed for task 7. State backed up to {backup}"
    assert outcome.output == SavedStateOutput(None, reason)
    assert backup.read_bytes() == STATE
    assert backup.name.startswith("ws_ws-test_task_7_")
    assert backup.stat().st_mode & 0o777 == 0o600
    assert backup.parent.stat().st_mode & 0o777 == 0o700


def test_a_backup_that_cannot_be_written_does_not_stop_the_saving(
    applied: InMemoryPlatform,
) -> None:
    (applied.root / "backups").write_text("a file in the way")
    outcome = applied.run("saving_state", "apply")
    assert (outcome.result, outcome.output) == ("done", SavedStateOutput(1))
    assert "[ERROR] No backup of the state could be written" in applied.text


def away(method: Callable[[], Any], times: int) -> Callable[[], Any]:
    """A method of the platform that fails so many times first."""
    failures = iter(range(times))

    def call() -> Any:
        if next(failures, None) is not None:
            raise ConnectionResetError("the database is away")
        return method()

    return call


@pytest.mark.parametrize("name", ["applied_state", "current_state"])
def test_a_database_that_is_away_for_a_moment_costs_a_try_not_the_state(
    applied: InMemoryPlatform, name: str
) -> None:
    setattr(applied, name, away(getattr(applied, name), 4))
    outcome = applied.run("saving_state", "apply")
    assert (outcome.result, outcome.output) == ("done", SavedStateOutput(1))
    assert applied.state_versions == [STATE]
    assert backups(applied) == []


def test_a_state_that_cannot_be_compared_is_backed_up(applied: InMemoryPlatform) -> None:
    applied.current_state = away(applied.current_state, 5)  # type: ignore[method-assign]
    outcome = applied.run("saving_state", "apply")
    (backup,) = backups(applied)
    assert backup.read_bytes() == STATE
    assert outcome.message == f"state save failed, workspace locked, backup at: {backup}"


def test_a_state_that_could_not_even_be_read_locks_the_workspace_and_says_where_it_is(
    applied: InMemoryPlatform,
) -> None:
    applied.applied_state = away(applied.applied_state, 5)  # type: ignore[method-assign]
    outcome = applied.run("saving_state", "apply")
    kept = "the platform still holds the state it was given when applying ended"
    assert outcome.result == "failed"
    assert outcome.message == f"state save failed, workspace locked, no backup: {kept}"
    reason = f"Auto-locked: State save failed for task 7. No backup: {kept}."
    assert outcome.output == SavedStateOutput(None, reason)
    assert backups(applied) == []


def test_saving_a_state_is_finished_before_a_stop(applied: InMemoryPlatform) -> None:
    cancel = CancelToken()
    cancel.request("stop", force=True)
    assert applied.run("saving_state", "apply", cancel=cancel).result == "done"
    assert applied.state_versions == [STATE]


def test_it_runs_on_a_host_without_the_work_directory_and_makes_none(
    applied: InMemoryPlatform,
) -> None:
    assert applied.run("saving_state", "apply", host="worker-2").result == "done"
    assert not applied.directory("worker-2").exists()

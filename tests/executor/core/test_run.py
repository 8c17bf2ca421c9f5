"""One attempt at one stage: whatever goes wrong is an outcome."""

import logging
from pathlib import Path
from typing import NoReturn

import pytest

from executor.core import run as run_module
from executor.core.accessor import AttemptLost, EngineRelease, TaskSpec
from executor.core.cancellation import CancelToken
from executor.core.context import StageContext
from executor.core.outcome import StageOutcome
from executor.core.workdir import WorkDirectory
from iacplatform.terraform.exceptions import ConfigurationError
from tests.executor.core.in_memory import InMemoryPlatform, full_disk

RELEASE = EngineRelease("terraform", "1.15.5", "file:///missing.zip", "0" * 64)


@pytest.fixture
def platform(tmp_path: Path) -> InMemoryPlatform:
    return InMemoryPlatform(RELEASE, tmp_path)


def raising(error: BaseException) -> "dict[str, object]":
    def stage(_: StageContext) -> NoReturn:
        raise error

    return {**run_module.STAGES, "planning": stage}


def test_the_users_fault_is_told_and_marked_in_the_log(platform: InMemoryPlatform) -> None:
    outcome = platform.run("fetching")
    assert outcome.result == "failed"
    assert outcome.message == "file:///missing.zip cannot be read: No such file or directory."
    assert outcome.last_line == len(platform.lines)
    first, *_, last = platform.lines
    assert "FETCHING BEGIN" in first.text
    assert "FETCHING END" in last.text
    assert f"[ERROR] {outcome.message}" in platform.text


def test_an_error_of_ours_is_named_and_shows_no_secret(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """F27: secrets are masked in error messages, too."""
    monkeypatch.setattr(run_module, "STAGES", raising(ZeroDivisionError("by hunter22")))
    platform.changes["sensitive_values"] = ("hunter22",)
    outcome = platform.run("planning")
    assert outcome.result == "failed"
    assert outcome.message == "platform error: ZeroDivisionError: by ***SENSITIVE***"
    (record,) = caplog.records
    assert "Traceback" in record.getMessage()
    assert "hunter22" not in record.getMessage() + platform.text


def test_a_lost_attempt_is_raised(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "STAGES", raising(AttemptLost("taken over")))
    with pytest.raises(AttemptLost):
        platform.run("planning")


def test_a_task_that_cannot_be_read_fails(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreadable() -> TaskSpec:
        raise LookupError("no such workspace")

    monkeypatch.setattr(platform, "task", unreadable)
    with caplog.at_level(logging.CRITICAL):
        outcome = platform.run("fetching")
    assert outcome == StageOutcome("failed", "platform error: LookupError: no such workspace")


def test_what_the_workspace_cannot_be_run_with_is_the_users_fault(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> TaskSpec:
        raise ConfigurationError("Remote data network cannot be read.")

    monkeypatch.setattr(platform, "task", unreadable)
    outcome = platform.run("fetching")
    assert outcome == StageOutcome("failed", "Remote data network cannot be read.")


def test_a_directory_that_cannot_be_made_fails_the_stage(platform: InMemoryPlatform) -> None:
    """H1: the task fails with a message instead of hanging."""
    (platform.root / "worker-1").write_text("a file in the way")
    outcome = platform.run("fetching")
    assert outcome.result == "failed"
    assert outcome.message.startswith("platform error: NotADirectoryError")


def test_a_stage_that_is_cancelled_before_it_begins_does_nothing(
    platform: InMemoryPlatform,
) -> None:
    cancel = CancelToken()
    cancel.request("no longer wanted")
    outcome = platform.run("fetching", cancel=cancel)
    assert (outcome.result, outcome.message) == ("cancelled", "no longer wanted")
    assert "The task was cancelled: no longer wanted" in platform.text


def test_a_log_that_cannot_be_stored_does_not_cost_the_outcome(
    platform: InMemoryPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.store_failures = 1000
    outcome = platform.run("fetching", log_flush_wait=0.1)
    assert outcome.message.startswith("file:///missing.zip cannot be read")
    assert "Lines of task 7 are only on this host" in caplog.text
    log = platform.directory() / ".iacplatform" / "logs" / "plan.log"
    assert len(log.read_text().splitlines()) == outcome.last_line


def test_a_full_disk_is_an_outcome_like_any_other(platform: InMemoryPlatform) -> None:
    """H1: the stage ends, and the whole log is with the platform."""
    with full_disk():
        outcome = platform.run("fetching")
    assert outcome.message.startswith("file:///missing.zip cannot be read")
    assert "FETCHING END" in platform.lines[-1].text


def test_the_logs_of_plan_and_apply_are_separate(platform: InMemoryPlatform) -> None:
    """F28: what happens in the apply phase leaves the plan's log alone."""
    platform.run("fetching", "plan")
    plan_log = platform.directory() / ".iacplatform" / "logs" / "plan.log"
    before = plan_log.read_text()
    platform.run("fetching", "apply")
    assert plan_log.read_text() == before
    assert "FETCHING BEGIN" in plan_log.with_name("apply.log").read_text()


def test_an_engine_of_an_earlier_attempt_is_waited_for_and_then_named(
    platform: InMemoryPlatform,
) -> None:
    platform.run("fetching")
    spec = platform.task()
    other = WorkDirectory(platform.root / "worker-1", spec.workspace_id, spec.task_id)
    with other.lock(CancelToken(), 1):
        outcome = platform.run("planning", lock_wait=0.2)
    assert outcome.result == "failed"
    assert "An engine of an earlier attempt is still running" in outcome.message


def test_the_workspaces_verbosity_is_used(platform: InMemoryPlatform) -> None:
    platform.changes["environment"] = {"TF_LOG": "ERROR", "LD_PRELOAD": "/x.so"}
    platform.run("fetching")
    assert "[ERROR]" in platform.text
    assert "[WARN]" not in platform.text

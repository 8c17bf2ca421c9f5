"""One attempt at one stage: whatever goes wrong is an outcome."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest

from executor.core import run as run_module
from executor.core.accessor import AttemptLost, EngineRelease, TaskSpec
from executor.core.cancellation import CancelToken
from executor.core.context import StageContext
from executor.core.critical_sections import critical_sections
from executor.core.exceptions import StageError, WorkDirectoryBusyError
from executor.core.outcome import Result, StageOutcome
from executor.core.workdir import WorkDirectory
from iacplatform.terraform.configuration import Configuration, RemoteData
from iacplatform.terraform.exceptions import ConfigurationError
from tests.executor.core.in_memory import InMemoryPlatform, full_disk

INTERRUPTIBLE = ("fetching", "init", "planning", "restoring_plan")
CRITICAL = ("saving_plan", "applying", "rescue", "saving_state")
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


def test_a_stage_that_was_taken_over_while_its_process_stood_still_is_not_begun(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The apply was rescued meanwhile: its engine must not be started after all."""
    begun: list[StageContext] = []
    monkeypatch.setattr(run_module, "STAGES", {"applying": begun.append})
    platform.taken_over = True

    with pytest.raises(AttemptLost):
        platform.run("applying")

    assert begun == []


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
    assert outcome.last_line == 0
    platform.store_failures = 0
    platform.run("fetching")
    assert platform.text.count("FETCHING BEGIN") == 2
    assert "Lines of an earlier attempt at fetching that were not stored:" in platform.text


def test_a_full_disk_is_an_outcome_like_any_other(platform: InMemoryPlatform) -> None:
    """H1: the stage ends, and the whole log is with the platform."""
    with full_disk():
        outcome = platform.run("fetching")
    assert outcome.message.startswith("file:///missing.zip cannot be read")
    assert "FETCHING END" in platform.lines[-1].text


@pytest.fixture
def busy(platform: InMemoryPlatform) -> Iterator[InMemoryPlatform]:
    """A platform in whose work directory an engine of an earlier attempt still runs."""
    spec = platform.task()
    workdir = WorkDirectory(platform.root / "worker-1", spec.workspace_id, spec.task_id)
    workdir.create()
    with closing(CancelToken()) as never, workdir.lock(never, 1):
        yield platform


@pytest.mark.parametrize("name", [*INTERRUPTIBLE, "saving_plan"])
def test_a_stage_is_put_off_at_once_where_an_engine_of_an_earlier_attempt_still_runs(
    busy: InMemoryPlatform, name: str
) -> None:
    outcome = busy.run(name, lock_wait=60)
    assert outcome.result == "postponed"
    assert "An engine of an earlier attempt is still running" in outcome.message
    assert busy.text == ""  # it may come back every few seconds: the timeline says so


def test_an_apply_that_cannot_begin_because_of_an_earlier_engine_has_changed_nothing(
    busy: InMemoryPlatform,
) -> None:
    """It is begun only once: no other host can go on with it."""
    outcome = busy.run("applying", "apply", lock_wait=0.2)
    assert (outcome.result, outcome.output) == ("failed", None)
    assert "An engine of an earlier attempt is still running" in outcome.message
    assert f"[ERROR] {outcome.message}" in busy.text
    assert outcome.message.endswith("nothing was changed.")


def test_the_workspaces_verbosity_is_used(platform: InMemoryPlatform) -> None:
    platform.changes["environment"] = {"TF_LOG": "ERROR", "LD_PRELOAD": "/x.so"}
    platform.run("fetching")
    assert "[ERROR]" in platform.text
    assert "[WARN]" not in platform.text


def replaced(monkeypatch: pytest.MonkeyPatch, name: str, stage: Any) -> None:
    monkeypatch.setitem(run_module.STAGES, name, stage)


@pytest.mark.parametrize("name", run_module.STAGES)
def test_a_critical_section_is_left_however_the_stage_ends(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """C1."""
    inside: list[tuple[str, ...]] = []

    def crash(stage: StageContext) -> NoReturn:
        inside.append(critical_sections.inside(stage.spec.task_id))
        raise ZeroDivisionError

    replaced(monkeypatch, name, crash)
    assert platform.run(name).result == "failed"
    assert inside == [(name,) if name in CRITICAL else ()]
    assert critical_sections.inside(7) == ()


@pytest.mark.parametrize("name", INTERRUPTIBLE)
def test_a_stage_whose_worker_stops_is_handed_over(platform: InMemoryPlatform, name: str) -> None:
    cancel = CancelToken()
    cancel.hand_over("worker-1 is stopping")
    outcome = platform.run(name, cancel=cancel)
    assert (outcome.result, outcome.message) == ("handed_over", "worker-1 is stopping")
    assert "another one will run this stage" in platform.text


@pytest.mark.parametrize("name", INTERRUPTIBLE)
def test_a_user_who_cancels_while_the_worker_stops_has_cancelled(
    platform: InMemoryPlatform, name: str
) -> None:
    cancel = CancelToken()
    cancel.hand_over("worker-1 is stopping")
    cancel.request("no longer wanted")
    outcome = platform.run(name, cancel=cancel)
    assert (outcome.result, outcome.message) == ("cancelled", "no longer wanted")


def test_an_apply_is_not_handed_over_even_before_its_engine_is_started(
    platform: InMemoryPlatform,
) -> None:
    """It was begun, which happens once in the life of a task."""
    cancel = CancelToken()
    cancel.hand_over("worker-1 is stopping")
    outcome = platform.run("applying", "apply", cancel=cancel)
    assert (outcome.result, outcome.output) == ("failed", None)
    assert "before the apply began: nothing was changed" in outcome.message


def ending(end: Result | Exception, deleted: list[str]) -> Any:
    """A stage that makes a Secret and then ends."""

    def stage(context: StageContext) -> StageOutcome:
        context.cleanup.mark_created("Secret", "apps", "web", lambda: deleted.append("web"))
        context.cleanup.mark_observed("Service", "apps", "web")
        if isinstance(end, Exception):
            raise end
        return StageOutcome(end)

    return stage


@pytest.mark.parametrize(
    "end",
    ["failed", "cancelled", "handed_over", StageError("wrong"), ZeroDivisionError(), AttemptLost()],
    ids=repr,
)
def test_what_a_stage_has_made_is_deleted_once_unless_it_is_done(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    """K2: also when the stage crashes."""
    deleted: list[str] = []
    replaced(monkeypatch, "planning", ending(end, deleted))
    if isinstance(end, AttemptLost):
        with pytest.raises(AttemptLost):
            platform.run("planning")
    else:
        assert platform.run("planning").result != "done"
    assert deleted == ["web"]


def test_what_a_stage_has_made_is_kept_when_it_is_done(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[str] = []
    replaced(monkeypatch, "planning", ending("done", deleted))
    assert platform.run("planning").result == "done"
    assert deleted == []


def test_what_cannot_be_deleted_is_told_in_the_log_without_secrets(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise PermissionError("hunter22 may not")

    def stage(context: StageContext) -> StageOutcome:
        context.cleanup.mark_created("Secret", "apps", "web", refuse)
        return StageOutcome("failed", "wrong")

    platform.changes["sensitive_values"] = ("hunter22",)
    replaced(monkeypatch, "planning", stage)
    assert platform.run("planning").message == "wrong"
    assert "Secret apps/web could not be deleted: ***SENSITIVE*** may not" in platform.text


@pytest.fixture
def remote(platform: InMemoryPlatform) -> InMemoryPlatform:
    """A platform whose task reads another workspace's outputs, with a token of this attempt."""
    data = RemoteData(name="network", url="https://iac.test/outputs", token="t0ken-of-attempt-1")
    platform.configuration = Configuration(bodies=(), remote_data=(data,))
    return platform


@pytest.mark.parametrize("name", INTERRUPTIBLE)
def test_the_tokens_of_an_attempt_that_fails_are_revoked(
    remote: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """K3."""
    replaced(monkeypatch, name, ending(StageError("wrong"), []))
    remote.run(name)
    assert remote.revoked == ["t0ken-of-attempt-1"]


def test_the_tokens_of_an_attempt_that_never_gets_to_work_are_revoked(
    remote: InMemoryPlatform,
) -> None:
    cancel = CancelToken()
    cancel.request("no longer wanted")
    remote.run("planning", cancel=cancel)
    assert remote.revoked == ["t0ken-of-attempt-1"]


def test_the_tokens_of_an_attempt_that_is_done_are_kept(
    remote: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(monkeypatch, "planning", ending("done", []))
    remote.run("planning")
    assert remote.revoked == []


def test_files_with_revoked_tokens_are_not_used_by_the_next_attempt(
    remote: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = CancelToken()
    busy: list[bool] = []

    def stop() -> None:
        cancel.hand_over("worker-1 is stopping")

    def revoke(_: object) -> None:
        other = WorkDirectory(remote.root / "worker-1", "ws-test", 7)
        try:
            with other.lock(CancelToken(), 0):
                busy.append(False)
        except WorkDirectoryBusyError:
            busy.append(True)

    with monkeypatch.context() as patch:
        patch.setattr(remote, "current_state", stop)
        patch.setattr(remote, "revoke_tokens", revoke)
        assert remote.run("init", cancel=cancel).result == "handed_over"
    assert busy == [True]  # nobody else could have taken the files by then
    before = remote.text.count("they are written again")
    remote.run("init")
    assert remote.text.count("they are written again") == before + 1


def test_files_without_tokens_are_used_by_the_next_attempt(
    platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = CancelToken()
    with monkeypatch.context() as patch:
        patch.setattr(platform, "current_state", lambda: cancel.hand_over("stopping"))
        assert platform.run("init", cancel=cancel).result == "handed_over"
    before = platform.text.count("they are written again")
    platform.run("init")
    assert platform.text.count("they are written again") == before == 1

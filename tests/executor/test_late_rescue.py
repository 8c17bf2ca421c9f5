"""A host that comes back after its apply was given up: what it knows is used, or kept aside."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from executor.core.cancellation import CancelToken
from executor.core.outcome import ApplyOutput, StageOutcome
from executor.core.workdir import WorkDirectory
from executor.leftovers import remove_directory
from executor.pipeline import close_stage
from iacplatform.common.errors import Conflict
from tests.domain import HOST, a_running_task, a_task, a_user, claimed
from tests.interruptions import a_state, an_applying_task, an_interrupted_task, save_state
from workspaces.models import AppliedState, StateVersion, Workspace, WorkspaceTask
from workspaces.services.interruptions import resolve_interruption
from workspaces.services.locks import unlock_workspace
from workspaces.services.logs import read_lines
from workspaces.services.state import save_state_version

BEFORE, CHECKPOINT, WHOLE = a_state(1), a_state(3, "one"), a_state(5, "one", "two")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _host(settings: Settings, tmp_path: Path) -> None:
    settings.WORKER_HOST = HOST
    settings.WORK_ROOT = tmp_path / "work"
    settings.STATE_BACKUP_DIR = tmp_path / "backups"


@pytest.fixture
def task() -> WorkspaceTask:
    """A task whose host was lost while it applied; all there was is the last checkpoint."""
    return an_interrupted_task("checkpoint", before=BEFORE, after=CHECKPOINT)


def its_directory(task: WorkspaceTask, settings: Settings, state: bytes | None) -> WorkDirectory:
    """What the host finds when it comes back, with this state file."""
    directory = WorkDirectory(settings.WORK_ROOT, task.workspace.workspace_id, task.pk)
    directory.create()
    if state is not None:
        directory.write("terraform.tfstate", state)
    return directory


def clean_up(task: WorkspaceTask) -> bool:
    return remove_directory(task.workspace.workspace_id, task.pk)


def is_locked(task: WorkspaceTask) -> bool:
    return Workspace.objects.get(pk=task.workspace_id).is_locked


def versions(task: WorkspaceTask) -> list[bytes]:
    """The workspace's states, the newest first."""
    found = StateVersion.objects.filter(workspace=task.workspace_id).order_by("-version")
    return [version.content for version in found]


def kept_aside(settings: Settings) -> list[bytes]:
    return [path.read_bytes() for path in settings.STATE_BACKUP_DIR.glob("*")]


def test_the_whole_state_is_saved_and_the_workspace_unlocked(
    task: WorkspaceTask, settings: Settings
) -> None:
    directory = its_directory(task, settings, WHOLE)

    assert clean_up(task)

    applied = AppliedState.objects.get(task=task)
    task.refresh_from_db()
    assert versions(task) == [WHOLE, CHECKPOINT, BEFORE]
    assert (applied.source, applied.resolved_by) == ("work_directory", HOST)
    assert "was taken from its work directory" in task.error_message
    assert not is_locked(task)
    assert not directory.exists()
    assert read_lines(task.pk)[-1].text.endswith(
        f"{HOST} has the whole state after all: the workspace is unlocked."
    )


def test_a_state_that_its_worker_could_not_read_then_costs_none_of_what_the_worker_said(
    settings: Settings,
) -> None:
    task, claim = an_applying_task(BEFORE)
    its_directory(task, settings, WHOLE)
    unread = StageOutcome("failed", "Error: quota", output=ApplyOutput(None, source="nothing"))
    close_stage(claim, unread)
    save_state(task)
    assert is_locked(task)

    assert clean_up(task)

    task.refresh_from_db()
    assert (versions(task), is_locked(task)) == ([WHOLE, BEFORE], False)
    assert task.error_message == (
        "Error: quota\nThe state was taken from its work directory and is whole."
    )


def test_a_checkpoint_that_turns_out_to_be_whole_unlocks_the_workspace(
    task: WorkspaceTask, settings: Settings
) -> None:
    its_directory(task, settings, CHECKPOINT)

    assert clean_up(task)

    assert versions(task) == [CHECKPOINT, BEFORE]
    assert not is_locked(task)


def test_an_apply_that_had_made_nothing_yet_unlocks_the_workspace(settings: Settings) -> None:
    task = an_interrupted_task("nothing")
    its_directory(task, settings, None)

    assert clean_up(task)

    assert not is_locked(task)


@pytest.mark.parametrize(
    "state",
    [b"", WHOLE[:40], a_state(2), a_state(9, lineage="foreign"), None],
    ids=["empty", "torn", "older", "foreign", "missing"],
)
def test_a_state_that_does_not_help_is_kept_until_a_person_has_looked(
    task: WorkspaceTask, settings: Settings, state: bytes | None
) -> None:
    """Durable-celery §3, #21."""
    directory = its_directory(task, settings, state)

    assert not clean_up(task)
    assert (directory.exists(), is_locked(task)) == (True, True)
    assert versions(task) == [CHECKPOINT, BEFORE]

    resolve_interruption(task, user=a_user(), comment="imported by hand")
    assert clean_up(task)
    assert kept_aside(settings) == []


def go_on(task: WorkspaceTask) -> None:
    resolve_interruption(task, user=a_user(), comment="imported by hand")


def force(task: WorkspaceTask) -> None:
    unlock_workspace(Workspace.objects.get(pk=task.workspace_id), user=a_user(), force=True)


def apply_again(task: WorkspaceTask) -> None:
    force(task)
    save_state_version(task.workspace_id, a_state(7, "other"), task=a_task(task.workspace))


@pytest.mark.parametrize("meanwhile", [go_on, force, apply_again])
def test_a_state_that_comes_after_a_person_went_on_is_only_put_aside(
    task: WorkspaceTask, settings: Settings, meanwhile: Callable[[WorkspaceTask], None]
) -> None:
    meanwhile(task)
    before = versions(task)
    directory = its_directory(task, settings, WHOLE)

    assert clean_up(task)

    assert (versions(task), kept_aside(settings)) == (before, [WHOLE])
    (path,) = settings.STATE_BACKUP_DIR.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert f"kept there as {path.name}" in read_lines(task.pk)[-1].text
    assert not directory.exists()


def test_what_was_known_before_the_apply_is_not_put_aside(settings: Settings) -> None:
    task = an_interrupted_task("nothing", before=BEFORE)
    go_on(task)
    its_directory(task, settings, BEFORE)

    assert clean_up(task)

    assert kept_aside(settings) == []


def test_another_host_removes_what_it_has_of_the_task(
    task: WorkspaceTask, settings: Settings
) -> None:
    settings.WORKER_HOST = "host-b"
    its_directory(task, settings, WHOLE)

    assert clean_up(task)

    assert (versions(task), is_locked(task)) == ([CHECKPOINT, BEFORE], True)


def test_a_state_is_not_read_while_an_engine_may_write_it(
    task: WorkspaceTask, settings: Settings
) -> None:
    """The engine of the lost worker still lives: it holds the lock of its directory."""
    directory = its_directory(task, settings, WHOLE)

    with directory.lock(CancelToken(), 0):
        assert not clean_up(task)

    assert (directory.exists(), is_locked(task)) == (True, True)
    assert clean_up(task)


def test_what_comes_too_late_to_be_saved_again_by_hand_is_not_offered_any_more(
    task: WorkspaceTask, settings: Settings
) -> None:
    its_directory(task, settings, WHOLE)

    clean_up(task)

    assert AppliedState.objects.get(task=task).content is None


def test_the_directory_of_a_task_that_still_runs_is_left_alone(settings: Settings) -> None:
    running = a_running_task()
    claimed(running)
    directory = its_directory(running, settings, WHOLE)

    assert not clean_up(running)

    assert directory.exists()


@pytest.mark.django_db(transaction=True)
def test_a_person_who_resolves_while_the_host_comes_back_gets_one_of_both_ends(
    settings: Settings,
) -> None:
    user = a_user()
    for number in range(5):
        task = an_interrupted_task("checkpoint", after=CHECKPOINT)
        Workspace.objects.filter(pk=task.workspace_id).update(name=f"workspace {number}")
        its_directory(task, settings, WHOLE)

        def resolve(task: WorkspaceTask = task) -> object:
            try:
                return resolve_interruption(task, user=user, comment="seen")
            except Conflict as error:
                return error
            finally:
                connection.close()

        def come_back(task: WorkspaceTask = task) -> object:
            try:
                return clean_up(task)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            person, host = pool.submit(resolve), pool.submit(come_back)
            assert host.result()

        saved = versions(task) == [WHOLE, CHECKPOINT]
        assert saved == isinstance(person.result(), Conflict)
        name = f"ws_{task.workspace.workspace_id}_task_{task.pk}_late.tfstate"
        assert saved != (settings.STATE_BACKUP_DIR / name).exists()
        assert not is_locked(task)

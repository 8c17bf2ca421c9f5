"""State versions: numbered once each, and taken back."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from iacplatform.common.errors import Conflict, NotFound
from iacplatform.terraform.exceptions import StateError
from tests.domain import a_task, a_user, a_workspace
from workspaces.exceptions import WorkspaceLocked
from workspaces.models import Workspace
from workspaces.services.locks import lock_workspace
from workspaces.services.queue import start_next
from workspaces.services.state import delete_state_version, roll_back, save_state_version
from workspaces.task_status import TaskType


def a_state(serial: int, name: str = "one") -> bytes:
    resource = {"mode": "managed", "type": "t", "name": name, "instances": [{"attributes": {}}]}
    return json.dumps(
        {
            "version": 4,
            "terraform_version": "1.9.5",
            "serial": serial,
            "lineage": "abc",
            "outputs": {},
            "resources": [resource],
        }
    ).encode()


@pytest.mark.django_db(transaction=True)
def test_numbers_are_unique_and_without_gaps_however_many_save_at_once() -> None:
    """F26: the number is allocated under the workspace's row lock."""
    workspace = a_workspace()

    def save(serial: int) -> int:
        try:
            return save_state_version(workspace.pk, a_state(serial)).version
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        versions = list(pool.map(save, range(1, 21)))

    assert sorted(versions) == list(range(1, 21))


@pytest.mark.django_db
def test_lineage_serial_and_resource_count_are_stored() -> None:
    """F26: read from the content."""
    saved = save_state_version(a_workspace().pk, a_state(7))

    assert (saved.lineage, saved.serial, saved.resource_count) == ("abc", 7, 1)
    assert (saved.terraform_version, saved.size_bytes) == ("1.9.5", len(a_state(7)))
    assert (saved.output_count, saved.import_source) == (0, "terraform_apply")
    assert (saved.is_imported, saved.is_rollback) == (False, False)


@pytest.mark.django_db
def test_what_is_no_state_is_not_stored() -> None:
    workspace = a_workspace()

    with pytest.raises(StateError):
        save_state_version(workspace.pk, b"not a state")

    assert not workspace.state_versions.exists()


@pytest.mark.django_db
def test_a_rollback_carries_the_raised_serial_in_its_content() -> None:
    """F30: an engine refuses a state whose serial is not higher."""
    workspace = a_workspace()
    save_state_version(workspace.pk, a_state(1, "old"))
    save_state_version(workspace.pk, a_state(5, "new"))

    saved = roll_back(workspace, version=1, user=a_user(), reason="wrong release")

    content = json.loads(saved.content)
    assert (saved.version, saved.serial, content["serial"]) == (3, 6, 6)
    assert content["resources"][0]["name"] == "old"
    assert (saved.rollback_from_version, saved.is_rollback) == (1, True)
    assert (saved.import_source, saved.is_imported) == ("rollback", False)
    assert saved.description == "Rolled back to version 1: wrong release"


@pytest.mark.django_db
def test_a_state_is_not_taken_back_under_a_live_change() -> None:
    workspace = a_workspace()
    for serial in (1, 2):
        save_state_version(workspace.pk, a_state(serial))
    a_task(workspace)
    start_next(workspace.pk)

    with pytest.raises(Conflict, match="live"):
        roll_back(workspace, version=1, user=a_user())


@pytest.mark.django_db
def test_a_locked_workspace_keeps_its_state() -> None:
    workspace, user = a_workspace(), a_user()
    for serial in (1, 2):
        save_state_version(workspace.pk, a_state(serial))
    lock_workspace(workspace, user=user, reason="freeze")

    with pytest.raises(WorkspaceLocked):
        roll_back(Workspace.objects.get(pk=workspace.pk), version=1, user=user)


@pytest.mark.django_db
@pytest.mark.parametrize(("version", "error"), [(1, Conflict), (9, NotFound)])
def test_the_newest_and_the_missing_cannot_be_rolled_back_to(
    version: int, error: type[Exception]
) -> None:
    workspace = a_workspace()
    save_state_version(workspace.pk, a_state(1))

    with pytest.raises(error):
        roll_back(workspace, version=version, user=a_user())


@pytest.mark.django_db
def test_an_older_version_is_deleted_and_the_numbers_go_on() -> None:
    workspace = a_workspace()
    for serial in (1, 2):
        save_state_version(workspace.pk, a_state(serial))

    delete_state_version(workspace, version=1)

    assert save_state_version(workspace.pk, a_state(3)).version == 3
    assert list(workspace.state_versions.values_list("version", flat=True)) == [3, 2]


@pytest.mark.django_db
@pytest.mark.parametrize(("version", "error"), [(2, Conflict), (9, NotFound)])
def test_the_newest_and_the_missing_cannot_be_deleted(version: int, error: type[Exception]) -> None:
    workspace = a_workspace()
    for serial in (1, 2):
        save_state_version(workspace.pk, a_state(serial))

    with pytest.raises(error):
        delete_state_version(workspace, version=version)

    assert workspace.state_versions.count() == 2


@pytest.mark.django_db
def test_what_a_live_task_was_planned_from_is_not_deleted() -> None:
    workspace = a_workspace()
    for serial in (1, 2):
        save_state_version(workspace.pk, a_state(serial))
    a_task(workspace, TaskType.PLAN_ONLY)
    save_state_version(workspace.pk, a_state(3))

    with pytest.raises(Conflict, match="needed by a task"):
        delete_state_version(workspace, version=2)
    delete_state_version(workspace, version=1)


@pytest.mark.django_db
def test_a_locked_workspace_keeps_all_versions() -> None:
    workspace, user = a_workspace(), a_user()
    for serial in (1, 2):
        save_state_version(workspace.pk, a_state(serial))
    lock_workspace(workspace, user=user, reason="freeze")

    with pytest.raises(WorkspaceLocked):
        delete_state_version(workspace, version=1)

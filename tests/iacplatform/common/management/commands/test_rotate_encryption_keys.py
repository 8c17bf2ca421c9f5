"""Rotating the key that encrypts, over real tables."""

import base64
import io
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import BinaryField, ExpressionWrapper, F
from pytest_django import Settings

from iacplatform.accounts.models import Organization
from iacplatform.common.encryption import DecryptionError
from iacplatform.common.rotation import EncryptedColumn, Resealed, encrypted_columns
from workspaces.models import (
    AppliedState,
    ConfigurationVersion,
    StateVersion,
    TaskPlan,
    TaskSnapshot,
    Workspace,
    WorkspaceOutput,
    WorkspaceTask,
    WorkspaceVariable,
)

VALUE = EncryptedColumn(WorkspaceVariable, "value")


def new_key() -> str:
    """A key as ``ENCRYPTION_KEYS`` wants it."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


@dataclass
class Keys:
    """An old and a new key; the rows are written with the old one."""

    settings: Settings
    old: str = field(default_factory=new_key)
    new: str = field(default_factory=new_key)

    def use(self, *keys: str) -> None:
        """Configures these keys, the first encrypts."""
        self.settings.ENCRYPTION_KEYS = list(keys)


@pytest.fixture
def keys(settings: Settings) -> Keys:
    pair = Keys(settings)
    pair.use(pair.old)
    return pair


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(
        organization=Organization.objects.get_or_create(name="default")[0], name="network"
    )


@pytest.fixture
def variables(keys: Keys, workspace: Workspace) -> list[WorkspaceVariable]:
    return [
        WorkspaceVariable.objects.create(workspace=workspace, key=f"key_{n}", value=f"value {n}")
        for n in range(5)
    ]


@pytest.fixture
def stored(db: None) -> Callable[[], dict[int, bytes]]:
    """Reads what PostgreSQL holds of the variables' values."""
    sealed = ExpressionWrapper(F("value"), output_field=BinaryField())
    rows = WorkspaceVariable.objects.annotate(sealed=sealed).values_list("pk", "sealed")
    return lambda: {pk: bytes(value) for pk, value in rows.all()}


def rotate(**options: object) -> str:
    """Runs the command; returns what it printed, errors included."""
    output = io.StringIO()
    call_command("rotate_encryption_keys", stdout=output, stderr=output, **options)
    return output.getvalue()


def test_after_a_rotation_the_old_key_can_be_removed(
    keys: Keys, variables: list[WorkspaceVariable], workspace: Workspace
) -> None:
    StateVersion.objects.create(
        workspace=workspace, version=1, content=b"state", size_bytes=5, serial=1
    )
    keys.use(keys.new, keys.old)
    assert "older keys can be removed" in rotate()
    keys.use(keys.new)
    values = [variable.value for variable in WorkspaceVariable.objects.order_by("key")]
    assert values == [f"value {n}" for n in range(5)]
    assert StateVersion.objects.get().content == b"state"


def test_without_a_rotation_the_old_key_is_needed(
    keys: Keys, variables: list[WorkspaceVariable]
) -> None:
    keys.use(keys.new)
    with pytest.raises(DecryptionError):
        list(WorkspaceVariable.objects.all())


def test_every_encrypted_field_of_every_model_is_found() -> None:
    expected = {
        (AppliedState, "content"),
        (ConfigurationVersion, "archive"),
        (StateVersion, "content"),
        (TaskPlan, "plan_file"),
        (TaskPlan, "plan_json"),
        (TaskSnapshot, "outputs"),
        (WorkspaceOutput, "output_value"),
        (WorkspaceVariable, "value"),
    }
    assert expected <= {(column.model, column.name) for column in encrypted_columns()}


def test_an_empty_column_stays_empty(keys: Keys, workspace: Workspace) -> None:
    task = WorkspaceTask.objects.create(
        workspace=workspace, task_type="plan_only", execution_mode="local"
    )
    TaskPlan.objects.create(task=task, plan_file=b"plan", plan_json=None)
    keys.use(keys.new, keys.old)
    rotate()
    keys.use(keys.new)
    plan = TaskPlan.objects.get()
    assert (plan.plan_file, plan.plan_json) == (b"plan", None)


def test_values_already_sealed_with_the_first_key_are_left_alone(
    keys: Keys, variables: list[WorkspaceVariable], stored: Callable[[], dict[int, bytes]]
) -> None:
    keys.use(keys.new, keys.old)
    rotate()
    before = stored()
    assert "re-encrypted" not in rotate()
    assert stored() == before


def test_a_dry_run_counts_and_changes_nothing(
    keys: Keys, variables: list[WorkspaceVariable], stored: Callable[[], dict[int, bytes]]
) -> None:
    before = stored()
    keys.use(keys.new, keys.old)
    output = rotate(dry_run=True)
    assert "WorkspaceVariable.value: 5 not encrypted with the first key" in output
    assert "5 values would be re-encrypted" in output
    assert stored() == before


def test_progress_is_printed_after_each_batch(
    keys: Keys, variables: list[WorkspaceVariable]
) -> None:
    keys.use(keys.new, keys.old)
    lines = rotate(batch_size=2).splitlines()
    progress = [line for line in lines if line.startswith("WorkspaceVariable.value")]
    assert progress == [f"WorkspaceVariable.value: {done} re-encrypted" for done in (2, 4, 5)]


def test_an_interrupted_rotation_goes_on_where_it_stopped(
    keys: Keys, variables: list[WorkspaceVariable]
) -> None:
    keys.use(keys.new, keys.old)
    first = next(VALUE.batches(2))
    assert [VALUE.reseal(pk) for pk in first] == [Resealed.DONE, Resealed.DONE]
    assert "WorkspaceVariable.value: 3 re-encrypted" in rotate()


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_writes_during_the_rotation_stays(
    keys: Keys, variables: list[WorkspaceVariable]
) -> None:
    keys.use(keys.new, keys.old)
    row = WorkspaceVariable.objects.filter(pk=variables[0].pk)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            row.update(value="written by a worker")
            outcome = pool.submit(in_a_connection_of_its_own, VALUE.reseal, variables[0].pk)
            wait_until_someone_waits_for_a_lock()
        assert outcome.result(timeout=10) is Resealed.CHANGED
    assert row.get().value == "written by a worker"


def in_a_connection_of_its_own(function: Callable[[int], Resealed], pk: int) -> Resealed:
    """What a thread runs; the test's database could not be dropped with its connection open."""
    try:
        return function(pk)
    finally:
        connection.close()


def wait_until_someone_waits_for_a_lock() -> None:
    """Returns once another connection is blocked; fails after ten seconds."""
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    pytest.fail("nobody waits for a lock")


def test_a_value_that_no_key_opens_is_named_and_the_others_are_rotated(
    keys: Keys, variables: list[WorkspaceVariable]
) -> None:
    keys.use(new_key())
    WorkspaceVariable.objects.filter(pk=variables[0].pk).update(value="sealed with a lost key")
    keys.use(keys.new, keys.old)
    output = io.StringIO()
    with pytest.raises(CommandError, match="1 values are not encrypted with the first key"):
        call_command("rotate_encryption_keys", stdout=output, stderr=output)
    assert (
        f"WorkspaceVariable.value of row {variables[0].pk}: no configured key" in output.getvalue()
    )
    keys.use(keys.new)
    assert WorkspaceVariable.objects.get(pk=variables[1].pk).value == "value 1"


def test_a_batch_must_have_at_least_one_value(db: None) -> None:
    with pytest.raises(CommandError, match="--batch-size"):
        rotate(batch_size=0)

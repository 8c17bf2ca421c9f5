"""Stage ``restoring_plan``: the plan file where it will be applied."""

import pytest

from executor.core.stages.restoring_plan import SKIPPED
from tests.executor.core.in_memory import InMemoryPlatform


@pytest.fixture
def planned(platform: InMemoryPlatform) -> InMemoryPlatform:
    platform.body = {"resource": {"terraform_data": {"a": {}}}}
    assert platform.plan().result == "done"
    return platform


def restore(platform: InMemoryPlatform, host: str) -> str:
    for stage in ("fetching", "init"):
        platform.run(stage, "apply", host=host)
    return platform.run("restoring_plan", "apply", host=host).message


def test_it_is_skipped_where_the_plan_was_made(planned: InMemoryPlatform) -> None:
    """S4-2."""
    assert restore(planned, "worker-1") == SKIPPED
    assert planned.outcomes[-1].skipped


def test_the_stored_plan_is_written_and_verified_elsewhere(planned: InMemoryPlatform) -> None:
    """S4-2."""
    assert restore(planned, "worker-2") == ""
    assert planned.outcomes[-1].result == "done"
    path = planned.directory("worker-2") / "plan.out"
    assert path.read_bytes() == planned.stored_plan
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_local_file_that_was_touched_is_replaced(planned: InMemoryPlatform) -> None:
    """S4-2: the hash decides, not the file's presence."""
    (planned.directory() / "plan.out").write_bytes(b"another plan")
    restore(planned, "worker-1")
    assert not planned.outcomes[-1].skipped
    assert (planned.directory() / "plan.out").read_bytes() == planned.stored_plan


def test_a_plan_that_was_never_stored_fails(planned: InMemoryPlatform) -> None:
    planned.stored_plan = b""
    assert restore(planned, "worker-2") == "plan data is empty"
    assert planned.outcomes[-1].result == "failed"


@pytest.mark.parametrize("plan_hash", ["0" * 64, "short", ""])
def test_a_plan_with_another_hash_is_not_applied(planned: InMemoryPlatform, plan_hash: str) -> None:
    """F23: a short or missing hash is an error, not a crash."""
    planned.changes["plan_hash"] = plan_hash
    assert "its hash differs" in restore(planned, "worker-2")
    assert planned.outcomes[-1].result == "failed"

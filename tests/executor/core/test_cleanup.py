"""What a stage has made elsewhere, and what becomes of it."""

import threading
import time
from collections.abc import Callable

import pytest

from executor.core.cleanup import CleanupTracker, NotThere


class Cluster:
    """Things that can be deleted, by name."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, name: str) -> Callable[[], None]:
        return lambda: self.deleted.append(name)


def raising(error: Exception) -> Callable[[], None]:
    def delete() -> None:
        raise error

    return delete


@pytest.fixture
def tracker() -> CleanupTracker:
    return CleanupTracker()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_only_what_was_created_is_deleted(tracker: CleanupTracker, cluster: Cluster) -> None:
    """K1: what was there before is kept."""
    tracker.mark_created("Deployment", "apps", "web", cluster.delete("web"))
    tracker.mark_observed("Service", "apps", "web")
    tracker.mark_created("Secret", "apps", "web", cluster.delete("secret"))
    assert tracker.clean() == []
    assert sorted(cluster.deleted) == ["secret", "web"]


@pytest.mark.parametrize("observed_first", [True, False])
def test_created_wins_over_observed_in_either_order(
    tracker: CleanupTracker, cluster: Cluster, observed_first: bool
) -> None:
    """K22."""
    if observed_first:
        tracker.mark_observed("Secret", "apps", "web")
    tracker.mark_created("Secret", "apps", "web", cluster.delete("web"))
    if not observed_first:
        tracker.mark_observed("Secret", "apps", "web")
    tracker.clean()
    assert cluster.deleted == ["web"]


def test_things_are_told_apart_by_kind_namespace_and_name(
    tracker: CleanupTracker, cluster: Cluster
) -> None:
    names = [("Secret", "a", "web"), ("Secret", "b", "web"), ("Service", "a", "web")]
    for name in names:
        tracker.mark_created(*name, cluster.delete("/".join(name)))
    tracker.mark_created(*names[0], cluster.delete("/".join(names[0])))
    tracker.clean()
    assert sorted(cluster.deleted) == ["Secret/a/web", "Secret/b/web", "Service/a/web"]


def test_cleaning_twice_deletes_once(tracker: CleanupTracker, cluster: Cluster) -> None:
    """K2."""
    tracker.mark_created("Secret", "apps", "web", cluster.delete("web"))
    tracker.mark_created("Secret", "apps", "bad", raising(PermissionError("no")))
    assert len(tracker.clean()) == 1
    assert tracker.clean() == []
    assert cluster.deleted == ["web"]


def test_what_is_not_there_counts_as_deleted(tracker: CleanupTracker, cluster: Cluster) -> None:
    """K1."""
    tracker.mark_created("Secret", "apps", "gone", raising(NotThere()))
    tracker.mark_created("Secret", "apps", "web", cluster.delete("web"))
    assert tracker.clean() == []
    assert cluster.deleted == ["web"]


def test_an_error_is_told_and_the_rest_is_deleted(
    tracker: CleanupTracker, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    tracker.mark_created("Secret", "apps", "bad", raising(PermissionError("hunter22 is wrong")))
    tracker.mark_created("Secret", "apps", "web", cluster.delete("web"))
    assert tracker.clean() == ["Secret apps/bad could not be deleted: hunter22 is wrong"]
    assert cluster.deleted == ["web"]
    assert caplog.messages == ["Secret apps/bad could not be deleted: PermissionError"]


def test_a_deletion_that_hangs_neither_takes_longer_nor_keeps_the_others(
    tracker: CleanupTracker, cluster: Cluster
) -> None:
    """K7."""
    hanging = threading.Event()

    def hang() -> None:
        hanging.wait(60)

    tracker.mark_created("Secret", "apps", "stuck", hang)
    tracker.mark_created("Secret", "apps", "slow", hang)
    tracker.mark_created("Secret", "apps", "web", cluster.delete("web"))
    started = time.monotonic()
    left = tracker.clean(0.5)
    assert time.monotonic() - started < 5
    hanging.set()
    assert left == [
        f"Secret apps/{name} could not be deleted in time." for name in ("stuck", "slow")
    ]
    assert cluster.deleted == ["web"]


def test_marks_may_come_from_any_thread(tracker: CleanupTracker, cluster: Cluster) -> None:
    def mark(number: int) -> None:
        for index in range(50):
            name = f"{number}-{index}"
            tracker.mark_created("Secret", "apps", name, cluster.delete(name))

    threads = [threading.Thread(target=mark, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.clean() == []
    assert len(set(cluster.deleted)) == 200

"""The whole platform in processes of its own, for tests that look at it from outside."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.platform import Platform, start_platform
from tests.system.run_task_service import RunTaskService, running_service
from tests.system.run_tasks import RunTaskPlatform, start_run_task_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a web server, a stage worker, a control worker and beat."""
    directory = tmp_path_factory.mktemp("platform")
    directory.chmod(0o711)
    with start_platform(directory) as running:
        yield running


@pytest.fixture(scope="session")
def run_task_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunTaskPlatform]:
    """A platform with two stage slots whose tasks ask run task services on this machine."""
    directory = tmp_path_factory.mktemp("run-tasks")
    directory.chmod(0o711)
    with contextlib.ExitStack() as stack:
        with servers_of_its_own():
            running = stack.enter_context(start_run_task_platform(directory))
        yield running


@contextlib.contextmanager
def servers_of_its_own() -> Iterator[None]:
    """Two platforms on one database and one Redis would do each other's work."""
    shared = {name: os.environ.pop(name) for name in ("DATABASE_URL", "REDIS_URL")}
    try:
        yield
    finally:
        os.environ.update(shared)


@pytest.fixture
def service() -> Iterator[RunTaskService]:
    """A run task service whose addresses behave as the test says."""
    with running_service() as running:
        yield running


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory of the test's own, entered by nobody else."""
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.fixture(autouse=True, scope="session")
def _no_proxy() -> None:
    """Requests to this machine do not leave it."""
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"

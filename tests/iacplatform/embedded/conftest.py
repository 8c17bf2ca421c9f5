import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets each test start servers of its own beside the session's."""
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A run directory that PostgreSQL's account can reach when root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="iacplatform-test-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory, "run")

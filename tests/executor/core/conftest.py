"""A real engine, and an in-memory platform that runs stages with it."""

from pathlib import Path

import pytest

from executor.core.accessor import EngineRelease
from iacplatform.embedded.engine import embedded_terraform
from tests.executor.core.in_memory import InMemoryPlatform


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> EngineRelease:
    """The embedded Terraform as a registered release."""
    archive = embedded_terraform(tmp_path_factory.mktemp("engine"))
    return EngineRelease("terraform", archive.version, archive.download_url, archive.checksum)


@pytest.fixture
def platform(release: EngineRelease, tmp_path: Path) -> InMemoryPlatform:
    """A platform with one task, whose resources a test fills in."""
    return InMemoryPlatform(release, tmp_path)

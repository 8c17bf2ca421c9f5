"""Providers shared by concurrent inits, with a real engine and a mirror on disk."""

import concurrent.futures
import zipfile
from pathlib import Path

import pytest

from executor.core import plugin_cache
from executor.core.accessor import EngineRelease
from tests.executor.core.in_memory import InMemoryPlatform

BODY = {"terraform": {"required_providers": {"fake": {"source": "acme/fake"}}}}
PACKAGE = "registry.terraform.io/acme/fake"


@pytest.fixture
def cli_config(tmp_path: Path) -> Path:
    """A mirror of packed providers, which the engine has to unpack as it does downloads."""
    folder = tmp_path / "mirror" / PACKAGE
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "terraform-provider-fake_1.2.0_linux_amd64.zip", "w") as package:
        entry = zipfile.ZipInfo("terraform-provider-fake_v1.2.0")
        entry.external_attr = 0o755 << 16
        package.writestr(entry, b"#!/bin/sh\n" + b"#" * 2_000_000)
    config = tmp_path / "terraformrc"
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{ path = "{tmp_path / "mirror"}" }}\n}}\n'
    )
    return config


def new_platform(release: EngineRelease, root: Path, number: int = 0) -> InMemoryPlatform:
    platform = InMemoryPlatform(release, root, body=BODY)
    platform.changes = {"workspace_id": f"ws-{number}", "environment": {"TF_LOG": "debug"}}
    return platform


def initialise(platform: InMemoryPlatform, cli_config: Path) -> str:
    for stage in ("fetching", "init"):
        outcome = platform.run(stage, cli_config_file=cli_config)
        assert outcome.result == "done", outcome.message
    return str(platform.changes["lock_file"])


def stored(root: Path) -> list[Path]:
    return list((root / "plugins" / PACKAGE / "1.2.0" / "linux_amd64").glob("*"))


def test_a_provider_is_stored_once_and_linked_from_then_on(
    release: EngineRelease, tmp_path: Path, cli_config: Path
) -> None:
    platform = new_platform(release, tmp_path)
    lock_file = initialise(platform, cli_config)
    (package,) = stored(tmp_path)
    assert f'"{plugin_cache.package_hash(package)}"' in lock_file
    assert f"{PACKAGE} 1.2.0 is now in the plugin cache." in platform.text
    before = package.stat().st_ino

    initialise(platform, cli_config)
    assert "Using acme/fake v1.2.0 from the shared cache directory" in platform.text
    assert [path.stat().st_ino for path in stored(tmp_path)] == [before]
    installed = tmp_path / "worker-1" / "ws-0" / "7" / ".terraform" / "providers"
    binary = next(installed.rglob("linux_amd64")) / "terraform-provider-fake_v1.2.0"
    assert binary.resolve().is_relative_to(tmp_path / "plugins")


def test_concurrent_inits_neither_wait_for_nor_break_each_other(
    release: EngineRelease, tmp_path: Path, cli_config: Path
) -> None:
    platforms = [new_platform(release, tmp_path, number) for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        locks = set(pool.map(lambda platform: initialise(platform, cli_config), platforms))
    assert len(locks) == 1
    (package,) = stored(tmp_path)
    assert plugin_cache.package_hash(package) in locks.pop()


def test_a_package_that_the_lock_file_does_not_name_is_not_used(
    release: EngineRelease, tmp_path: Path, cli_config: Path
) -> None:
    """The engine would unpack over it, in the middle of another task's plan."""
    initialise(new_platform(release, tmp_path), cli_config)
    (package,) = stored(tmp_path)
    before = (package / "terraform-provider-fake_v1.2.0").stat()
    other = new_platform(release, tmp_path, 1)
    initialise(other, cli_config)
    assert "from the shared cache directory" not in other.text
    after = (package / "terraform-provider-fake_v1.2.0").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_store_that_cannot_be_written_does_not_stop_a_task(
    release: EngineRelease, tmp_path: Path, cli_config: Path
) -> None:
    (tmp_path / "plugins").write_text("a file where the store should be")
    platform = new_platform(release, tmp_path)
    initialise(platform, cli_config)
    assert "The providers are not shared with other tasks" in platform.text


@pytest.mark.parametrize(
    "lock_file",
    [
        'provider "../../etc/x/y" {\n  version = "1.0"\n  hashes = [\n  ]\n}\n',
        'provider "a/b/c" {\n  version = "../../x"\n  hashes = [\n    "h1:broken",\n  ]\n}\n',
        "no lock file at all",
    ],
)
def test_a_strange_lock_file_links_nothing(tmp_path: Path, lock_file: str) -> None:
    plugin_cache.prepare(tmp_path / "cache", tmp_path / "store", lock_file)
    assert list((tmp_path / "cache").iterdir()) == []

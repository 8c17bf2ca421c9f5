"""Provider packages shared by all tasks of a machine, without Terraform's shared plugin cache.

``TF_PLUGIN_CACHE_DIR`` is not safe under concurrent ``init``: packages are unpacked in place, and
one that the dependency lock file does not vouch for is unpacked over a copy that others execute.
So each task has a plugin cache of its own that begins with links to packages of the shared store,
namely those whose ``h1:`` hash its lock file names: the engine is certain to use them as they are.
What ``init`` adds is moved to the store afterwards, under its hash, by one rename. A package in the
store never changes, and nobody waits for a lock. A provider that is new to a workspace is
downloaded once for it, as Terraform 1.4 and later do with their own cache as well; setting
``TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE`` would spare that at the price of lock files that
hold for one platform only.
"""

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_PART = r"[a-z0-9][a-z0-9.:_-]*"
_PROVIDER = re.compile(
    rf'^provider "({_PART}/{_PART}/{_PART})" {{\s+version\s+= "([0-9][0-9A-Za-z.+-]*)"(.*?)^}}',
    re.MULTILINE | re.DOTALL,
)
_HASH = re.compile(r'"(h1:[0-9A-Za-z+/]{43}=)"')


def prepare(cache: Path, store: Path, lock_file: str) -> None:
    """Makes a task's plugin cache anew, with links to what the store has of its lock file."""
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(mode=0o700, parents=True)
    for address, version, digest in _locked(lock_file):
        for package in (store / address / version).glob(f"*/{_folder_name(digest)}"):
            _link(cache / address / version / package.parent.name, package)


def publish(cache: Path, store: Path, lock_file: str) -> list[str]:
    """Moves the packages that ``init`` has added to the store; returns their names.

    Only what the lock file vouches for is taken. Raises :class:`OSError` when the store cannot be
    written or is on another file system; the task's own cache is whole in that case as well.
    """
    vouched = set(_locked(lock_file))
    published = []
    # host / namespace / type / version / platform: a link is of the store, or of a mirror.
    for package in cache.glob("*/*/*/*/*"):
        if package.is_symlink() or not package.is_dir():
            continue
        address, version = "/".join(package.parts[-5:-2]), package.parts[-2]
        digest = package_hash(package)
        if (address, version, digest) in vouched:
            _move(package, store / address / version / package.name / _folder_name(digest))
            published.append(f"{address} {version}")
    return published


def package_hash(package: Path) -> str:
    """Returns the ``h1:`` hash of an unpacked package: Go's ``dirhash.Hash1`` over its files."""
    names = sorted(path.relative_to(package).as_posix() for path in _files(package))
    total = hashlib.sha256()
    for name in names:
        with (package / name).open("rb") as file:
            content = hashlib.file_digest(file, "sha256")
        total.update(f"{content.hexdigest()}  {name}\n".encode())
    return "h1:" + base64.b64encode(total.digest()).decode()


def _files(package: Path) -> Iterator[Path]:
    return (path for path in package.rglob("*") if path.is_file())


def _locked(lock_file: str) -> Iterator[tuple[str, str, str]]:
    """Yields address, version and hash of each package that a dependency lock file vouches for."""
    for address, version, body in _PROVIDER.findall(lock_file):
        yield from ((address, version, digest) for digest in _HASH.findall(body))


def _folder_name(digest: str) -> str:
    return base64.b64decode(digest.removeprefix("h1:")).hex()


def _move(package: Path, stored: Path) -> None:
    stored.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        package.rename(stored)
    except OSError:
        if not stored.is_dir():  # otherwise another task was faster
            raise
        shutil.rmtree(package)
    package.symlink_to(stored, target_is_directory=True)


def _link(link: Path, package: Path) -> None:
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    link.symlink_to(package, target_is_directory=True)

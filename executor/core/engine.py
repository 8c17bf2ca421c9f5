"""Engine binaries: downloaded once, verified, and shared by all processes of a machine.

A binary lives in ``{engines_dir}/{engine}/{version}/{sha256 of its archive}/``: a directory there
is complete, never changes, and a release registered with another checksum has another one.
There is no fallback to a binary of the system (reference §5.1).
"""

import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from executor.core import download, file_lock
from executor.core.accessor import EngineRelease
from executor.core.cancellation import CancelToken
from executor.core.exceptions import EngineError
from executor.core.settings import ExecutorSettings

BINARY_NAMES = {"terraform": "terraform", "opentofu": "tofu"}

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,49}")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_MAX_BINARY_BYTES = 1024 * 1024 * 1024
_DRAFT_PREFIX = ".new-"


def install(
    release: EngineRelease,
    settings: ExecutorSettings,
    log: Callable[[str], None],
    cancel: CancelToken,
) -> Path:
    """Returns the path of the engine's binary, downloading and verifying it where it is missing.

    Costs one look at the file system when it is there. Processes that miss the same release wait
    for the first of them. A transient error is met by trying again after each of
    ``settings.init_waits``. Raises :class:`EngineError`, and :class:`TaskCancelled` when a stop is
    requested meanwhile; neither leaves anything behind.
    """
    binary = _binary_path(release, settings.engines_dir)
    if binary.exists():
        return binary
    for wait in settings.init_waits:
        try:
            return _install_alone(release, binary, settings, log, cancel)
        except EngineError as error:
            if error.kind != "transient":
                raise
            log(f"{error} Trying again in {wait:g} s.")
        cancel.wait(wait)
    return _install_alone(release, binary, settings, log, cancel)


def _install_alone(
    release: EngineRelease,
    binary: Path,
    settings: ExecutorSettings,
    log: Callable[[str], None],
    cancel: CancelToken,
) -> Path:
    versions = binary.parent.parent
    versions.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        with file_lock.exclusive(versions / ".lock", cancel, settings.engine_download_wait):
            if not binary.exists():
                log(f"Downloading {release.engine} {release.version} from {release.download_url}.")
                _install(release, binary, settings, cancel)
                log(f"The checksum of {release.engine} {release.version} is right.")
    except file_lock.LockHeldError:
        message = f"Another process is still downloading {release.engine} {release.version}."
        raise EngineError(message, "transient") from None
    return binary


def _binary_path(release: EngineRelease, engines_dir: Path) -> Path:
    checksum = release.checksum.lower()
    if not _VERSION.fullmatch(release.version):
        raise EngineError(f"{release.version!r} is no version of {release.engine}.", "user")
    if not _CHECKSUM.fullmatch(checksum):
        message = f"{release.engine} {release.version} has no sha256 checksum to verify it by."
        raise EngineError(message, "user")
    name = BINARY_NAMES[release.engine]
    return engines_dir / release.engine / release.version / checksum / name


def _install(
    release: EngineRelease, binary: Path, settings: ExecutorSettings, cancel: CancelToken
) -> None:
    folder = binary.parent
    for left_over in folder.parent.glob(f"{_DRAFT_PREFIX}*"):  # of a process that was killed
        shutil.rmtree(left_over)
    with tempfile.TemporaryDirectory(prefix=_DRAFT_PREFIX, dir=folder.parent) as scratch:
        archive, draft = Path(scratch) / "archive.zip", Path(scratch) / "engine"
        with archive.open("xb") as target:
            found = download.fetch(release.download_url, target, settings, cancel)
        if found != folder.name:
            message = f"{release.download_url} has the checksum {found}, not {folder.name}."
            raise EngineError(f"{message} It is not used.", "user")
        draft.mkdir(mode=0o755)
        _unpack(archive, draft / binary.name, release)
        draft.rename(folder)


def _unpack(archive: Path, binary: Path, release: EngineRelease) -> None:
    """Takes the binary out of a release's archive by its name; nothing else is unpacked."""
    try:
        with (
            zipfile.ZipFile(archive) as content,
            content.open(binary.name) as source,
            binary.open("xb") as target,
        ):
            _copy(source, target)
            os.fchmod(target.fileno(), 0o755)
            os.fsync(target.fileno())
    except (KeyError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        message = f"{release.download_url} is no zip archive with a file {binary.name}: {error}."
        raise EngineError(message, "user") from error


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    left = _MAX_BINARY_BYTES
    while chunk := source.read(1024 * 1024):
        left -= len(chunk)
        if left < 0:
            raise zipfile.BadZipFile("the binary is too large")
        target.write(chunk)

"""Uploaded configurations: a tar.gz from a stranger, checked before anything of it is written.

Everything is read as a stream and counted while it is, so what is refused is refused before it is
unpacked. Python's own extraction filters are not in every 3.11, hence the rules are kept here.
"""

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

CONFIGURATION_SUFFIXES = (".tf", ".tf.json", ".tofu", ".tofu.json")
# What the platform writes itself at the top of a work directory, and what OpenTofu would read in
# place of it: there `x.tofu.json` hides `x.tf.json`.
RESERVED_NAMES = frozenset(
    {
        ".iacplatform",
        ".iacplatform.json",
        ".lock",
        "iacplatform_override.tf.json",
        "iacplatform_override.tofu.json",
        "outputs.tf.json",
        "outputs.tofu.json",
        "plan.out",
        "provider.tf.json",
        "provider.tofu.json",
        "remote_data.tf.json",
        "remote_data.tofu.json",
        "variables.tfvars",
    }
)
# What a person's own run leaves behind: it is in many archives and never wanted.
IGNORED_NAMES = frozenset(
    {".git", ".terraform", ".terraform.tfstate.lock.info"}
    | {"terraform.tfstate", "terraform.tfstate.backup"}
)
_HEADER_BYTES = 2048
_READ_ERRORS = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError)

Sink = Callable[[tarfile.TarInfo, PurePosixPath, tarfile.TarFile], None]


class ArchiveError(Exception):
    """An uploaded configuration is refused; the message names the member that is at fault."""


@dataclass(frozen=True)
class ArchiveLimits:
    """How many files an archive may hold, and how many bytes unpacked."""

    max_files: int = 20_000
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True)
class ArchiveInfo:
    """What is in an archive; ``root`` is the folder that holds the configuration, or empty."""

    files: int
    total_bytes: int
    root: str


@dataclass
class _Contents:
    files: set[PurePosixPath] = field(default_factory=set)
    folders: set[PurePosixPath] = field(default_factory=set)
    symlinks: dict[PurePosixPath, str] = field(default_factory=dict)
    hardlinks: dict[PurePosixPath, PurePosixPath] = field(default_factory=dict)
    total_bytes: int = 0

    @property
    def names(self) -> list[PurePosixPath]:
        return [*self.files, *self.symlinks, *self.hardlinks]

    @property
    def count(self) -> int:
        return len(self.files) + len(self.symlinks) + len(self.hardlinks)

    def holds(self, path: PurePosixPath) -> bool:
        return path in self.files or path in self.symlinks or path in self.hardlinks


def inspect_archive(fileobj: IO[bytes], limits: ArchiveLimits) -> ArchiveInfo:
    """Checks an uploaded tar.gz without writing anything; raises :class:`ArchiveError`.

    Refused are: absolute paths, ``..``, links that leave the configuration, devices, two members of
    one name, more files or bytes than ``limits``, archives without a configuration file at the top
    or in a single top-level folder, and names the platform writes itself.
    """
    contents = _read(fileobj, limits, lambda member, path, archive: None)
    root = _find_root(contents)
    _check_reserved(contents, root)
    for path, target in contents.symlinks.items():
        if path.relative_to(root).parts[0] not in IGNORED_NAMES:
            _check_symlink(contents, path, target, root)
    return ArchiveInfo(contents.count, contents.total_bytes, "/".join(root.parts))


def extract_archive(fileobj: IO[bytes], destination: Path, limits: ArchiveLimits) -> ArchiveInfo:
    """Unpacks the configuration into an existing folder, files 0600 (0700 if executable).

    Raises :class:`ArchiveError` as :func:`inspect_archive` does, before anything is written.
    """
    info = inspect_archive(fileobj, limits)
    fileobj.seek(0)
    root = PurePosixPath(info.root)

    def write(member: tarfile.TarInfo, path: PurePosixPath, archive: tarfile.TarFile) -> None:
        target, content = _target(path, root, destination), archive.extractfile(member)
        if target is not None and content is not None:
            _write_file(target, content, executable=bool(member.mode & 0o100))

    contents = _read(fileobj, limits, write)
    for path, original in contents.hardlinks.items():
        target, source = (_target(name, root, destination) for name in (path, original))
        if target is not None and source is not None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.hardlink_to(source)
    for path, text in contents.symlinks.items():
        if (target := _target(path, root, destination)) is not None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.symlink_to(text)
    return info


class _Budget:
    """A stream that refuses to give more than it may, however small the upload was."""

    def __init__(self, stream: IO[bytes], limits: ArchiveLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._left = limits.max_bytes + limits.max_files * _HEADER_BYTES + _HEADER_BYTES

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ArchiveError(_too_large(self._limits))
        return self._stream.read(size)


def _read(fileobj: IO[bytes], limits: ArchiveLimits, sink: Sink) -> _Contents:
    contents = _Contents()
    try:
        with gzip.GzipFile(fileobj=fileobj, mode="rb") as stream:
            budget: IO[bytes] = _Budget(stream, limits)  # type: ignore[assignment,arg-type]
            with tarfile.open(fileobj=budget, mode="r|", bufsize=64 * 512) as archive:
                for member in archive:
                    _read_member(archive, member, contents, limits, sink)
    except _READ_ERRORS as error:
        raise ArchiveError(f"The upload is not a complete tar.gz archive: {error}.") from error
    return contents


def _read_member(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    contents: _Contents,
    limits: ArchiveLimits,
    sink: Sink,
) -> None:
    path = _safe_path(member.name)
    if not path.parts or path.name.startswith("._") or path.name == ".DS_Store":
        return
    if member.isdir():
        _add_folders(contents, path, [path, *path.parents])
        return
    _add_folders(contents, path, path.parents)
    _check_new(contents, path, limits)
    if member.issym():
        contents.symlinks[path] = member.linkname
    elif member.islnk():
        contents.hardlinks[path] = _hardlink_source(contents, member)
    elif member.isreg() and not member.issparse():
        contents.files.add(path)
        contents.total_bytes += member.size
        if contents.total_bytes > limits.max_bytes:
            raise ArchiveError(f"{member.name}: {_too_large(limits)}")
        sink(member, path, archive)
    else:
        raise ArchiveError(f"{member.name} is neither a file nor a folder nor a link.")


def _too_large(limits: ArchiveLimits) -> str:
    return f"the archive unpacks to more than {limits.max_bytes:,} bytes."


def _safe_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute():
        raise ArchiveError(f"{name} is an absolute path.")
    if ".." in path.parts:
        raise ArchiveError(f"{name} leaves the archive.")
    if not name.isprintable() or any(len(os.fsencode(part)) > 200 for part in path.parts):
        raise ArchiveError(f"{name[:300]!a} is no name for a file.")
    return path


def _check_new(contents: _Contents, path: PurePosixPath, limits: ArchiveLimits) -> None:
    if contents.holds(path) or path in contents.folders:
        raise ArchiveError(f"{path} is in the archive twice.")
    if contents.count >= limits.max_files:
        raise ArchiveError(f"The archive holds more than {limits.max_files} files.")


def _add_folders(
    contents: _Contents, path: PurePosixPath, folders: Iterable[PurePosixPath]
) -> None:
    for folder in folders:
        if contents.holds(folder):
            raise ArchiveError(f"{path} lies below {folder}, which is no folder.")
        contents.folders.add(folder)


def _hardlink_source(contents: _Contents, member: tarfile.TarInfo) -> PurePosixPath:
    source = _safe_path(member.linkname)
    if source not in contents.files:
        raise ArchiveError(f"{member.name} is a link to {member.linkname}, not in the archive.")
    return source


def _find_root(contents: _Contents) -> PurePosixPath:
    """Returns the folder of the configuration: the top, or the only folder there."""
    if not contents.names:
        raise ArchiveError("The archive holds no files.")
    places = {path.parent for path in contents.names if path.name.endswith(CONFIGURATION_SUFFIXES)}
    top = PurePosixPath()
    if top in places:
        return top
    folders = {PurePosixPath(path.parts[0]) for path in contents.names}
    if len(folders) == 1 and folders <= places:
        return folders.pop()
    raise ArchiveError("The archive has no .tf or .tf.json file at its top.")


def _check_reserved(contents: _Contents, root: PurePosixPath) -> None:
    for path in [*contents.names, *contents.folders]:
        if path.is_relative_to(root) and path.relative_to(root).parts[:1]:
            first = path.relative_to(root).parts[0]
            if first in RESERVED_NAMES:
                raise ArchiveError(f"{path}: {first} is a name that the platform writes itself.")


def _check_symlink(
    contents: _Contents, path: PurePosixPath, target: str, root: PurePosixPath
) -> None:
    """Walks a link's target step by step, as the kernel would, and refuses to leave ``root``."""
    at = path.parent
    outside = ArchiveError(f"{path} is a link to {target}, which leaves the configuration.")
    if target.startswith("/"):
        raise outside
    for part in PurePosixPath(target).parts:
        if at in contents.symlinks:
            raise ArchiveError(f"{path} is a link to {target}, which goes through another link.")
        if part == ".." and at == root:
            raise outside
        at = at.parent if part == ".." else at / part


def _target(path: PurePosixPath, root: PurePosixPath, destination: Path) -> Path | None:
    inside = path.relative_to(root)
    return None if inside.parts[0] in IGNORED_NAMES else destination / inside


def _write_file(target: Path, content: IO[bytes], *, executable: bool) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, 0o700 if executable else 0o600)
        shutil.copyfileobj(content, file, 1024 * 1024)

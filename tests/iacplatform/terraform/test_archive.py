"""Uploaded configurations: what is taken, and what is refused before anything is written."""

import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zlib
from pathlib import Path
from typing import IO, cast

import pytest

from iacplatform.terraform.archive import ArchiveError, ArchiveInfo, ArchiveLimits
from iacplatform.terraform.archive import extract_archive as extract
from iacplatform.terraform.archive import inspect_archive as inspect

LIMITS = ArchiveLimits(max_files=50, max_bytes=1_000_000)


def member(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def tar_gz(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return io.BytesIO(buffer.getvalue())


def test_files_are_unpacked_for_their_owner_only(tmp_path: Path) -> None:
    upload = tar_gz(
        member("./main.tf", b"# main", mode=0o666),
        member("scripts/run.sh", b"#!/bin/sh", mode=0o777),
        link("modules/x/shared.tf", "../../main.tf"),
    )
    assert extract(upload, tmp_path, LIMITS) == ArchiveInfo(3, 15, "")
    assert stat.S_IMODE((tmp_path / "main.tf").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "scripts/run.sh").stat().st_mode) == 0o700
    assert (tmp_path / "modules/x/shared.tf").read_bytes() == b"# main"


def test_a_single_top_level_folder_is_the_root(tmp_path: Path) -> None:
    upload = tar_gz(
        member("repo", type=tarfile.DIRTYPE, mode=0o755),
        member("repo/main.tf", b"# main"),
        member("repo/modules/x/main.tf", b"# x"),
        member("._repo", b"what macOS adds"),
    )
    assert extract(upload, tmp_path, LIMITS).root == "repo"
    assert (tmp_path / "main.tf").is_file()
    assert (tmp_path / "modules/x/main.tf").is_file()
    assert not (tmp_path / "._repo").exists()


def test_hard_links_within_the_archive_are_kept(tmp_path: Path) -> None:
    extract(tar_gz(member("a.tf", b"# a"), link("b.tf", "a.tf", tarfile.LNKTYPE)), tmp_path, LIMITS)
    assert (tmp_path / "b.tf").read_bytes() == b"# a"


def test_what_a_run_at_home_left_behind_is_not_unpacked(tmp_path: Path) -> None:
    upload = tar_gz(
        member("main.tf"),
        member(".terraform/providers/x", b"binary"),
        link(".terraform/providers/y", "/home/someone/.terraform.d/plugin-cache/y"),
        member(".git/config", b"secret"),
        member("terraform.tfstate", b"{}"),
    )
    extract(upload, tmp_path, LIMITS)
    assert os.listdir(tmp_path) == ["main.tf"]  # noqa: PTH208 - the names are the point


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("/etc/main.tf")], "/etc/main.tf is an absolute path"),
        ([member("../main.tf")], r"\.\./main.tf leaves the archive"),
        ([member("a/../../main.tf")], "leaves the archive"),
        ([member("main.tf"), link("x", "/etc/passwd")], "x is a link to /etc/passwd, which leaves"),
        ([member("main.tf"), link("d/x", "../../y")], r"d/x is a link to ../../y, which leaves"),
        ([member("r/main.tf"), link("r/x", "../y")], "r/x is a link to ../y, which leaves"),
        (
            [
                member("main.tf"),
                link("deep/dir/up", "../../top"),
                link("deep/dir/x", "up/../../etc"),
            ],
            "goes through another link",
        ),
        ([member("main.tf"), link("d", "."), member("d/x")], "d/x lies below d, which is no"),
        ([member("main.tf"), member("d/x"), link("d", "/etc")], "d is in the archive twice"),
        ([member("main.tf"), link("x", "/etc/shadow", tarfile.LNKTYPE)], "absolute path"),
        ([member("main.tf"), link("x", "y", tarfile.LNKTYPE)], "x is a link to y, not in the"),
        ([member("main.tf"), member("null", type=tarfile.CHRTYPE)], "null is neither a file"),
        ([member("main.tf"), member("pipe", type=tarfile.FIFOTYPE)], "pipe is neither a file"),
        ([member("main.tf"), member("main.tf")], "main.tf is in the archive twice"),
        ([member(f"{number}.tf") for number in range(51)], "more than 50 files"),
        ([member("main.tf"), member("big", b"x" * 1_000_001)], "big: the archive unpacks to more"),
        ([member("main.tf"), member("a\nb")], r"'a\\nb' is no name for a file"),
        ([member("main.tf"), member("x" * 250)], "is no name for a file"),
        ([member("main.tf"), member("plan.out")], "plan.out is a name that the platform writes"),
        (
            [member("main.tf"), member("iacplatform_override.tofu.json")],
            "iacplatform_override.tofu.json is a name that the platform writes",
        ),
        ([member("r/main.tf"), member("r/.lock")], ".lock is a name that the platform writes"),
        ([member("empty", type=tarfile.DIRTYPE)], "holds no files"),
        ([member("readme.md")], "no .tf or .tf.json file at its top"),
        ([member("a/main.tf"), member("b/main.tf")], "no .tf or .tf.json file at its top"),
    ],
)
def test_a_dangerous_or_useless_archive_is_refused_by_name(
    members: list[tuple[tarfile.TarInfo, bytes]], message: str, tmp_path: Path
) -> None:
    upload = tar_gz(*members)
    with pytest.raises(ArchiveError, match=message):
        inspect(upload, LIMITS)
    upload.seek(0)
    with pytest.raises(ArchiveError, match=message):
        extract(upload, tmp_path, LIMITS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "upload",
    [b"", b"no gzip at all", gzip.compress(b"no tar" * 200, mtime=0), b"PK\x03\x04"],
    ids=["nothing", "no gzip", "no tar", "a zip archive"],
)
def test_what_is_no_archive_is_refused(upload: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"not a complete tar\.gz"):
        inspect(io.BytesIO(upload), LIMITS)


def test_an_archive_that_breaks_off_is_refused() -> None:
    content = tar_gz(member("main.tf", os.urandom(100_000)), member("b.tf")).getvalue()
    with pytest.raises(ArchiveError, match=r"not a complete tar\.gz"):
        inspect(io.BytesIO(content[: len(content) // 2]), LIMITS)


class Zeros(io.RawIOBase):
    """An upload of ten gigabytes of zeros, packed while it is read, that counts what it packed."""

    def __init__(self) -> None:
        header, _ = member("zeros.tf")
        header.size = 10 * 1024**3
        self._packer = zlib.compressobj(wbits=31)
        self._packed = self._packer.compress(header.tobuf(tarfile.GNU_FORMAT))
        self.zeros = 0

    def read(self, size: int = -1) -> bytes:
        while len(self._packed) < size:
            self._packed += self._packer.compress(bytes(1024 * 1024))
            self.zeros += 1024 * 1024
        content, self._packed = self._packed[:size], self._packed[size:]
        return content


def test_ten_gigabytes_of_zeros_are_refused_without_being_read() -> None:
    upload = Zeros()
    with pytest.raises(ArchiveError, match=r"zeros\.tf: the archive unpacks to more than"):
        inspect(cast("IO[bytes]", upload), LIMITS)
    assert upload.zeros < 100 * 1024**2


def test_a_header_that_claims_a_huge_name_does_not_take_the_memory() -> None:
    name, _ = member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME)
    name.size = 10 * 1024**3
    upload = gzip.compress(name.tobuf(tarfile.GNU_FORMAT) + b"x" * 50_000_000, compresslevel=1)
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="unpacks to more than 1,000,000 bytes"):
        inspect(io.BytesIO(upload), LIMITS)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()

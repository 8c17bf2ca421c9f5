"""Uploaded configurations, as stages unpack them; the rules are :mod:`iacplatform.terraform.archive`'s."""

from iacplatform.terraform.archive import (
    ArchiveError,
    ArchiveInfo,
    ArchiveLimits,
    extract_archive,
    inspect_archive,
)

__all__ = ["ArchiveError", "ArchiveInfo", "ArchiveLimits", "extract_archive", "inspect_archive"]

"""Uploaded configurations: checked whole before anything of them is kept."""

import hashlib
from typing import IO

from django.conf import settings

from iacplatform.accounts.models import User
from iacplatform.common.errors import InvalidInput
from iacplatform.terraform.archive import ArchiveError, ArchiveLimits, inspect_archive
from workspaces.models import ConfigurationSource, ConfigurationVersion, Workspace
from workspaces.services.editing import editing


def upload_configuration(
    workspace: Workspace, archive: IO[bytes], *, user: User, description: str = ""
) -> ConfigurationVersion:
    """Stores a tar.gz of HCL; from now on the workspace's configuration is the newest archive.

    Raises ``WorkspaceLocked``, or ``InvalidInput`` naming the member of ``archive`` at fault.
    """
    content = archive.read(settings.ARCHIVE_MAX_BYTES + 1)
    if len(content) > settings.ARCHIVE_MAX_BYTES:
        largest = f"{settings.ARCHIVE_MAX_BYTES:,}"
        raise InvalidInput("archive", f"is larger than {largest} bytes")
    archive.seek(0)
    limits = ArchiveLimits(settings.ARCHIVE_MAX_FILES, settings.ARCHIVE_MAX_UNPACKED_BYTES)
    try:
        info = inspect_archive(archive, limits)
    except ArchiveError as error:
        raise InvalidInput("archive", str(error)) from error
    with editing(workspace) as current:
        version = ConfigurationVersion.objects.create(
            workspace=current,
            description=description,
            archive=content,
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            unpacked_bytes=info.total_bytes,
            file_count=info.files,
            created_by=user,
        )
        current.configuration_source = ConfigurationSource.ARCHIVE
        current.save(update_fields=["configuration_source", "updated_at"])
    return version

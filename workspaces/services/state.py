"""State versions: numbered without gaps or doubles, one transaction each."""

import hashlib

from django.db import transaction

from iacplatform.accounts.models import User
from iacplatform.terraform.state import read_state
from workspaces.models import StateVersion, Workspace, WorkspaceTask


def save_state_version(
    workspace_id: int,
    content: bytes,
    *,
    task: WorkspaceTask | None = None,
    user: User | None = None,
    description: str = "",
) -> StateVersion:
    """Stores a state file as the workspace's next version (F26).

    The number is allocated under the workspace's row lock. Raises ``StateError`` where the content is no state.
    """
    info = read_state(content)
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update(of=("self",)).get(pk=workspace_id)
        newest = workspace.state_versions.without_content().first()
        return StateVersion.objects.create(
            workspace=workspace,
            version=newest.version + 1 if newest else 1,
            content=content,
            checksum=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            lineage=info.lineage,
            serial=info.serial,
            terraform_version=info.terraform_version,
            resource_count=info.resource_count,
            task=task,
            description=description,
            created_by=user or (task.created_by if task else None),
        )

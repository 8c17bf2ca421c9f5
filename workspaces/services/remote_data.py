"""Reading another workspace's outputs: access, tokens and the answer (reference §1.4, §2.1, §5.3)."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from iacplatform.accounts.models import token_digest
from iacplatform.common.errors import DomainError
from iacplatform.terraform.state import read_state, state_outputs
from workspaces.exceptions import SnapshotInvalid
from workspaces.models import (
    OutputsSharing,
    RemoteDataToken,
    TaskSnapshot,
    Workspace,
    WorkspaceTask,
)

TOKEN_LIFETIME = timedelta(minutes=30)


class AccessDenied(DomainError):
    """The token does not open this workspace, or the workspace shares nothing with its bearer."""

    status = 403
    code = "permission_denied"


class TokenInvalid(DomainError):
    """The token is unknown, expired or used up."""

    status = 401
    code = "not_authenticated"


def may_read_outputs(source: Workspace, consumer: Workspace) -> bool:
    """Whether ``source`` shares its outputs with ``consumer``, both of one organization."""
    if source.organization_id != consumer.organization_id:
        return False
    if source.outputs_sharing == OutputsSharing.SPECIFIC:
        return source.outputs_allowed.filter(pk=consumer.pk).exists()
    return source.outputs_sharing == OutputsSharing.ALL


def remote_sources(snapshot: TaskSnapshot) -> dict[str, Workspace]:
    """The workspaces that a task reads, by the names of its remote data.

    Raises :class:`SnapshotInvalid` naming the data that cannot be read any more.
    """
    definitions = snapshot.remote_data or []
    sources = Workspace.objects.in_bulk([entry["source_workspace_id"] for entry in definitions])
    readable = {}
    for entry in definitions:
        name, source = entry["data_name"], sources.get(entry["source_workspace_id"])
        if source is None:
            raise SnapshotInvalid(f"Remote data {name} cannot be read: its workspace was deleted")
        if not may_read_outputs(source, snapshot.task.workspace):
            raise SnapshotInvalid(
                f"Remote data {name} cannot be read: workspace {source.name} does not share its "
                "outputs with this one"
            )
        readable[name] = source
    return readable


def issue_token(
    source: Workspace, task: WorkspaceTask, lifetime: timedelta = TOKEN_LIFETIME
) -> str:
    """A fresh token for one attempt at a stage; raises :class:`AccessDenied` if nothing is shared."""
    if not may_read_outputs(source, task.workspace):
        raise AccessDenied(f"Workspace {source.name} does not share its outputs with this one")
    RemoteDataToken.objects.filter(task=task, expires_at__lt=Now()).delete()
    token = secrets.token_hex(32)
    RemoteDataToken.objects.create(
        digest=token_digest(token),
        source_workspace=source,
        task=task,
        expires_at=Now() + lifetime,
    )
    return token


def revoke_tokens(tokens: Sequence[str]) -> None:
    """Makes tokens open nothing any more; unknown ones are passed over."""
    digests = [token_digest(token) for token in tokens]
    RemoteDataToken.objects.filter(digest__in=digests).delete()


def read_outputs(source: Workspace, token: str) -> dict[str, Any]:
    """The outputs of the newest state, sensitive ones too, for the bearer of a token.

    Raises:
        TokenInvalid: the token opens nothing (any more).
        AccessDenied: it is for another workspace, or sharing was ended.
    """
    row = RemoteDataToken.objects.usable().filter(digest=token_digest(token)).first()
    if row is None:
        raise TokenInvalid("The token is unknown, expired or used up")
    if row.source_workspace_id != source.pk or not may_read_outputs(source, row.task.workspace):
        raise AccessDenied("The token does not open this workspace")
    used = RemoteDataToken.objects.usable().filter(pk=row.pk)
    if not used.update(used_count=F("used_count") + 1, last_used_at=Now()):
        raise TokenInvalid("The token is unknown, expired or used up")
    return _outputs_document(source)


def _outputs_document(source: Workspace) -> dict[str, Any]:
    newest = source.state_versions.newest()
    if newest is None:
        return {"version": 4, "serial": 0, "lineage": "", "outputs": {}, "resources": []}
    info = read_state(newest.content)
    return {
        "version": 4,
        "terraform_version": info.terraform_version,
        "serial": info.serial,
        "lineage": info.lineage,
        "outputs": state_outputs(newest.content, mask=False),
        "resources": [],
        "check_results": None,
    }

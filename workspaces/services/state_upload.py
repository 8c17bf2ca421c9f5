"""Uploading a state: from another tool, or one that was repaired by hand (reference §5.9)."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, InvalidInput
from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import StateInfo, load_state, read_state
from workspaces.models import StateImportSource, StateVersion, Workspace
from workspaces.services.locks import lock_workspace
from workspaces.services.state import changing_state, save_state_version

SUGGESTION = "Use force=true to bypass validation"
FORCED = "Locked after force upload. Please verify state before unlocking."


@dataclass(frozen=True)
class Upload:
    """A version that was uploaded; ``warnings`` are the rules that ``force`` has set aside."""

    version: StateVersion
    warnings: list[str] = field(default_factory=list)


def upload_state(
    workspace: Workspace,
    content: bytes,
    *,
    field: str,
    user: User,
    force: bool = False,
    description: str = "",
) -> Upload:
    """Makes a state file the newest version; ``field`` is the input that an error names.

    Without ``force`` it must follow the newest: same lineage, higher serial. With it, the workspace stays
    locked until somebody has looked. Of two uploads at once one succeeds: nobody replaces a version that
    they cannot have known.

    Raises:
        InvalidInput: it is no state, is too large, or does not follow the newest.
        WorkspaceLocked: the workspace is locked.
        Conflict: a task that changes the state is live, or another version was saved meanwhile.
    """
    seen = _newest(workspace)
    info = _checked(content, field)
    with changing_state(workspace) as current:
        newest = _newest(current)
        _check_nothing_came_between(seen, newest)
        warnings = _warnings(info, newest, field, force=force)
        version = save_state_version(
            current.pk,
            content,
            user=user,
            description=description or "Uploaded",
            import_source=StateImportSource.USER_UPLOAD,
        )
        if force:
            lock_workspace(current, user=user, reason=FORCED)
    return Upload(version, warnings)


def as_file(state: dict[str, Any]) -> bytes:
    """A state that was sent as JSON, as a file of it is written."""
    return json.dumps(state, indent=2).encode() + b"\n"


def _newest(workspace: Workspace) -> StateVersion | None:
    return workspace.state_versions.without_content().first()


def _checked(content: bytes, field: str) -> StateInfo:
    if len(content) > settings.STATE_MAX_BYTES:
        raise InvalidInput(field, f"is larger than {settings.STATE_MAX_BYTES:,} bytes")
    try:
        info = read_state(content)
    except StateError as error:
        place = f"{field}.{error.field}" if error.field else field
        raise InvalidInput(place, str(error)) from error
    _check_can_be_shown(content, field)
    return info


def _check_can_be_shown(content: bytes, field: str) -> None:
    """Engines write neither halves of characters nor numbers without end; no answer could hold them."""
    try:
        json.dumps(load_state(content), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput(field, "holds a text or a number that is none") from error


def _check_nothing_came_between(seen: StateVersion | None, newest: StateVersion | None) -> None:
    if seen != newest and newest is not None:
        raise Conflict(
            f"State version {newest.version} was saved meanwhile; look at it, then upload again",
            current_version=newest.version,
        )


def _warnings(
    info: StateInfo, newest: StateVersion | None, field: str, *, force: bool
) -> list[str]:
    """The rules that the state breaks; raises ``InvalidInput`` for the first unless forced."""
    broken = {} if newest is None else dict(_broken(info, newest))
    for name, sentence in broken.items():
        if not force:
            raise InvalidInput(f"{field}.{name}", sentence, suggestion=SUGGESTION)
    return [f"{name}: {sentence}" for name, sentence in broken.items()]


def _broken(info: StateInfo, newest: StateVersion) -> list[tuple[str, str]]:
    rules = [
        (
            "lineage",
            info.lineage == newest.lineage,
            f"is {info.lineage}, but state version {newest.version} has {newest.lineage}",
        ),
        (
            "serial",
            info.serial > newest.serial,
            f"is {info.serial}, but must be higher than {newest.serial} of state version {newest.version}",
        ),
    ]
    return [(name, sentence) for name, holds, sentence in rules if not holds]

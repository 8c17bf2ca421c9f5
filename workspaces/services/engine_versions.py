"""Which engines there are, and which one a workspace's tasks are run with."""

from typing import Any

from django.db import transaction

from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput
from workspaces.models import EngineVersion, TaskSnapshot, Workspace

# What a task that was approved is applied with; where it is downloaded from may change.
IDENTITY = ("engine", "version", "checksum")


def engine_for(workspace: Workspace) -> EngineVersion:
    """The workspace's engine, else the platform's default; raises InvalidInput if there is none."""
    chosen = workspace.engine_version or EngineVersion.objects.filter(is_default=True).first()
    if chosen is None:
        raise InvalidInput("engine_version", "no engine is registered as the platform's default")
    if not chosen.enabled:
        raise InvalidInput("engine_version", f"{chosen} is disabled")
    return chosen


def set_default(engine_version: EngineVersion) -> None:
    """Makes one version the platform's default in place of the present one."""
    with transaction.atomic():
        EngineVersion.objects.filter(is_default=True).update(is_default=False)
        enabled = EngineVersion.objects.filter(pk=engine_version.pk, enabled=True)
        if not enabled.update(is_default=True):
            raise InvalidInput("enabled", "a disabled version cannot be the default")
    engine_version.refresh_from_db()


def save_engine_version(engine_version: EngineVersion, **fields: Any) -> None:
    """Registers a version or changes one.

    Raises ``InvalidInput`` where the default would be disabled, ``Conflict`` where the engine's version
    is registered already, or where a task names the row and :data:`IDENTITY` would change.
    """
    with taken("one_row_an_engine_version", "version", "the engine has this version already"):
        if engine_version.pk is not None:
            locked = EngineVersion.objects.select_for_update()
            engine_version.refresh_from_db(from_queryset=locked)
            _check_identity(engine_version, fields)
        for name, value in fields.items():
            setattr(engine_version, name, value)
        if engine_version.is_default and not engine_version.enabled:
            raise InvalidInput("enabled", "make another version the default first")
        engine_version.save()


def _check_identity(engine_version: EngineVersion, fields: dict[str, Any]) -> None:
    changed = [
        name
        for name in IDENTITY
        if name in fields and fields[name] != getattr(engine_version, name)
    ]
    if changed and TaskSnapshot.objects.filter(engine_version=engine_version).exists():
        message = "tasks were created with it; register another version"
        raise Conflict(f"{changed[0]}: {message}", fields=dict.fromkeys(changed, message))


def delete_engine_version(engine_version: EngineVersion) -> None:
    """Removes a version.

    Raises ``Conflict`` for the default, ``ProtectedError`` where a workspace or task names it.
    """
    if engine_version.is_default:
        raise Conflict("It is the default; make another version the default first")
    engine_version.delete()

"""Which engines there are, and which one a workspace's tasks are run with."""

from typing import Any

from django.db import transaction

from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput
from workspaces.models import EngineVersion, Workspace


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
    if not engine_version.enabled:
        raise InvalidInput("enabled", "a disabled version cannot be the default")
    with transaction.atomic():
        EngineVersion.objects.filter(is_default=True).update(is_default=False)
        EngineVersion.objects.filter(pk=engine_version.pk).update(is_default=True)
    engine_version.refresh_from_db()


def save_engine_version(engine_version: EngineVersion, **fields: Any) -> None:
    """Registers a version or changes one.

    Raises ``InvalidInput`` where the default would be disabled, ``Conflict`` where the engine's version
    is registered already.
    """
    for name, value in fields.items():
        setattr(engine_version, name, value)
    if engine_version.is_default and not engine_version.enabled:
        raise InvalidInput("enabled", "make another version the default first")
    with taken("one_row_an_engine_version", "version", "the engine has this version already"):
        engine_version.save()


def delete_engine_version(engine_version: EngineVersion) -> None:
    """Removes a version.

    Raises ``Conflict`` for the default, ``ProtectedError`` where a workspace or task names it.
    """
    if engine_version.is_default:
        raise Conflict("It is the default; make another version the default first")
    engine_version.delete()

"""What a stage needs in its work directory, made again where an earlier stage ran elsewhere."""

import hashlib
import io
import json
import re
from functools import partial

from executor.core import engine_command, plugin_cache
from executor.core.context import StageContext
from executor.core.exceptions import EngineFailed, StageError, TaskCancelled
from executor.core.outcome import InitOutput
from executor.core.workdir import LOCK_FILE, MARKER_FILE, PLAN_FILE, STATE_FILE
from iacplatform.terraform.archive import ArchiveLimits, extract_archive
from iacplatform.terraform.configuration import (
    REMOTE_DATA_FILE,
    provider_config_hash,
    render,
)

OVERRIDE_FILE = "iacplatform_override.tf.json"
BACKEND_RECORD = ".terraform/terraform.tfstate"

# An override file replaces what the uploaded configuration says of its backend: the platform keeps
# the state, and takes it from this file.
_LOCAL_BACKEND = {"terraform": {"backend": {"local": {"path": STATE_FILE}}}}
_NETWORK_ERROR = re.compile(
    r"time(?:d )?out|deadline exceeded|connection (?:reset|refused)|TLS handshake|unexpected EOF"
    r"|no such host|temporary failure in name resolution|network is unreachable"
    r"|could not connect to|failed to (?:download|retrieve|request)|too many requests"
    r"|status(?: code)?:? (?:429|5\d\d)|internal server error|bad gateway|service unavailable",
    re.IGNORECASE,
)


def write_files(stage: StageContext) -> None:
    """Writes the configuration, the state and the lock file of the task into an empty directory.

    Raises :class:`ConfigurationError` or :class:`ArchiveError` for what the user has to change.
    """
    stage.workdir.clear()
    spec = stage.spec
    if spec.has_archive:
        limits = ArchiveLimits(stage.settings.max_archive_files, stage.settings.max_archive_bytes)
        archive = io.BytesIO(stage.accessor.configuration_archive())
        extract_archive(archive, stage.workdir.path, limits)
        stage.workdir.write(OVERRIDE_FILE, json.dumps(_LOCAL_BACKEND))
    files: dict[str, str | bytes] = dict(
        render(
            spec.configuration, declare_variables=not spec.has_archive, main=not spec.has_archive
        )
    )
    if state := stage.accessor.current_state():
        files[STATE_FILE] = state
    if spec.lock_file and not _brings_own_lock_file(stage):
        files[LOCK_FILE] = spec.lock_file
    for name, content in files.items():
        stage.workdir.write(name, content)
    _forget_with_tokens(stage)
    stage.complete("files")


def renew_remote_data(stage: StageContext) -> None:
    """Writes remote data with this attempt's token: the one of the files may have waited at a gate."""
    if not stage.spec.configuration.remote_data:
        return
    archive = stage.spec.has_archive
    files = render(stage.spec.configuration, declare_variables=not archive, main=not archive)
    stage.workdir.write(REMOTE_DATA_FILE, files[REMOTE_DATA_FILE])


def _forget_with_tokens(stage: StageContext) -> None:
    """Files with remote data are worthless to a later attempt once this one's tokens are revoked."""
    if stage.spec.configuration.remote_data:
        forget = partial(stage.workdir.remove_file, MARKER_FILE)
        stage.cleanup.mark_created("files", stage.spec.workspace_id, stage.name, forget)


def _brings_own_lock_file(stage: StageContext) -> bool:
    """A plan takes the lock file of its archive; its apply takes what the plan's init made of it."""
    return stage.phase == "plan" and stage.workdir.read(LOCK_FILE) is not None


def ensure_files(stage: StageContext) -> None:
    """Writes the files unless they are here."""
    if not stage.completed("files"):
        stage.log.message(
            "INFO", "The files of this task are not on this host: they are written again."
        )
        write_files(stage)


def ensure_init(stage: StageContext) -> None:
    """Writes the files and initialises the directory unless that has been done here."""
    ensure_files(stage)
    if not stage.completed("init"):
        stage.log.message(
            "INFO", "The work directory is not initialised on this host: init runs again."
        )
        initialise(stage)


def ensure_plan(stage: StageContext) -> None:
    """Makes the directory ready for a command that takes the plan file."""
    ensure_init(stage)
    if not plan_is_here(stage):
        stage.log.message("INFO", "The plan file is not on this host: it is restored.")
        restore_plan(stage)


def initialise(stage: StageContext) -> InitOutput:
    """Runs ``init``, again after a wait where the network has failed (reference §5.5).

    Raises :class:`StageError` where the configuration has a backend of its own.
    """
    stage.workdir.remove_file(".terraform")
    arguments = ("init", "-no-color", "-input=false", *(["-upgrade"] if _upgrades(stage) else []))
    for wait in (*stage.settings.init_waits, None):
        plugin_cache.prepare(
            stage.workdir.plugin_cache, stage.settings.plugin_cache_dir, _lock_file(stage)
        )
        result = engine_command.run(stage, *arguments, grace=stage.settings.plan_grace)
        if result.cancelled:
            raise TaskCancelled(stage.cancel.reason)
        if result.succeeded:
            break
        if wait is None or not _NETWORK_ERROR.search(result.error):
            raise EngineFailed(result.error)
        stage.log.message("WARN", f"The network failed during init; trying again in {wait:g} s.")
        stage.cancel.wait(wait)
    _check_backend(stage)
    _publish_plugins(stage)
    stage.complete("init")
    spec = stage.spec
    init_hash = provider_config_hash(spec.configuration.provider_config)
    return InitOutput(_lock_file(stage), init_hash, spec.engine.version)


def plan_is_here(stage: StageContext) -> bool:
    """Says whether the directory has the task's plan file, by its sha256."""
    content = stage.workdir.read(PLAN_FILE)
    return bool(content and stage.spec.plan_hash) and _sha256(content) == stage.spec.plan_hash


def plan_is_reusable(stage: StageContext) -> bool:
    """Says whether the apply phase finds all that its plan phase has left (reference §5.8).

    That is: same host, initialised from the same snapshot, and the plan file whole.
    """
    same_host = bool(stage.spec.plan_host) and stage.spec.plan_host == stage.settings.host
    return (
        stage.phase == "apply"
        and same_host
        and stage.completed("files")
        and stage.completed("init")
        and plan_is_here(stage)
    )


def restore_plan(stage: StageContext) -> None:
    """Writes the stored plan file; raises :class:`StageError` if it is not that of the plan."""
    content = stage.accessor.plan_file()
    if not content:
        raise StageError("plan data is empty")
    if _sha256(content) != stage.spec.plan_hash:
        raise StageError("The stored plan file is not the one that was planned: its hash differs.")
    stage.workdir.write(PLAN_FILE, content)
    stage.complete("plan")


def _upgrades(stage: StageContext) -> bool:
    """``-upgrade`` where providers or engine have changed; never between a plan and its apply."""
    spec = stage.spec
    if stage.phase == "apply" or not spec.last_init_hash:
        return False
    known = (spec.last_init_hash, spec.last_init_engine_version)
    return known != (
        provider_config_hash(spec.configuration.provider_config),
        spec.engine.version,
    )


def _check_backend(stage: StageContext) -> None:
    """Raises :class:`StageError` unless the engine keeps its state where the platform reads it.

    Override files are merged in the order of their names, and an archive's may come last.
    """
    record = json.loads(stage.workdir.read(BACKEND_RECORD) or b"{}")
    backend = record.get("backend") or {"type": "local"}
    path = (backend.get("config") or {}).get("path")
    if record.get("state_store") or backend["type"] != "local" or path not in {None, STATE_FILE}:
        raise StageError(
            "The platform keeps the state, but an override file of the configuration moves it"
            " elsewhere: remove backend, cloud and state_store blocks from the override files."
        )


def _lock_file(stage: StageContext) -> str:
    return (stage.workdir.read(LOCK_FILE) or b"").decode(errors="replace")


def _publish_plugins(stage: StageContext) -> None:
    store = stage.settings.plugin_cache_dir
    try:
        packages = plugin_cache.publish(stage.workdir.plugin_cache, store, _lock_file(stage))
    except OSError as error:
        stage.log.message("DEBUG", f"The providers are not shared with other tasks: {error}.")
    else:
        for package in packages:
            stage.log.message("DEBUG", f"{package} is now in the plugin cache.")


def _sha256(content: bytes | None) -> str:
    return hashlib.sha256(content or b"").hexdigest()

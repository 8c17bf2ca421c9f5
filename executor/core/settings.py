"""Where the executor keeps its files and how long it waits."""

from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class ExecutorSettings:
    """What a worker process or an agent runs its stages with; times are seconds.

    ``host`` names this machine: a later stage of a task finds its work directory where ``host`` is
    the same. ``lock_wait`` is how long an apply waits for the engine of an earlier attempt to end;
    any other stage is put off instead. ``engine_url_schemes`` are the schemes an engine may be
    downloaded by; the embedded engine needs ``file``. ``plan_grace`` and ``apply_grace`` are what a
    cancelled engine is given between SIGINT and SIGTERM, ``force_grace`` what is left of that when
    the stop is forced, and ``terminate_grace`` what it is given from there to SIGKILL.
    ``init_waits`` is how long to wait before each further try of an init or an engine's download
    that the network has failed.
    """

    work_root: Path
    engines_dir: Path
    plugin_cache_dir: Path
    backup_dir: Path
    host: str
    engine_url_schemes: frozenset[str] = frozenset({"https"})
    plan_grace: float = 30
    apply_grace: float = 300
    force_grace: float = 10
    terminate_grace: float = 5
    lock_wait: float = 60
    log_flush_wait: float = 30
    init_waits: tuple[float, ...] = (5, 10)
    state_save_waits: tuple[float, ...] = (2, 4, 6, 8)
    cli_config_file: Path | None = None
    max_engine_download_bytes: int = 512 * MEGABYTE
    engine_download_wait: float = 900
    max_archive_bytes: int = 256 * MEGABYTE
    max_archive_files: int = 20_000

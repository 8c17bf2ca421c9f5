"""What a stage may ask of the platform and tell it: the port that every execution mode fills in.

Everything a stage needs arrives in a :class:`TaskSpec`; everything it produced leaves in a
:class:`~executor.core.outcome.StageOutcome`, which the platform stores in the transaction that
closes the stage. What cannot wait for the end of the stage (log lines, the live status of
resources) goes through the methods here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from iacplatform.terraform.configuration import Configuration

Engine = Literal["terraform", "opentofu"]
Phase = Literal["plan", "apply"]
TaskType = Literal["plan_only", "plan_and_apply", "drift_check"]
ApplyStatus = Literal["applying", "completed", "failed"]
LineKind = Literal["output", "error", "stage_marker"]


@dataclass(frozen=True)
class EngineRelease:
    """An engine binary as it is registered: ``checksum`` is the sha256 (hex) of the zip archive."""

    engine: Engine
    version: str
    download_url: str
    checksum: str


@dataclass(frozen=True)
class Limits:
    """Seconds an engine may take to plan and to apply, and be silent; 0 is no limit."""

    plan: float = 0
    apply: float = 0
    silence: float = 0


@dataclass(frozen=True)
class TaskSpec:
    """A task as its snapshot has it: what plan and apply are run from (reference §4.3, §5.7).

    ``environment`` holds the workspace's environment variables in clear text, ``sensitive_values``
    every value that may not be shown anywhere, ``targets`` the addresses given to ``-target``.
    ``has_archive`` says that the configuration is an uploaded archive of HCL. ``replaced`` are the
    addresses that the plan replaces, known once there is a plan. ``apply_owner`` is the host whose
    worker has begun to apply, empty before that.
    """

    task_id: int
    task_type: TaskType
    phase: Phase
    workspace_id: str
    workspace_name: str
    engine: EngineRelease
    configuration: Configuration
    has_archive: bool = False
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    sensitive_values: tuple[str, ...] = field(default=(), repr=False)
    targets: tuple[str, ...] = ()
    lock_file: str = ""
    last_init_hash: str = ""
    last_init_engine_version: str = ""
    plan_hash: str = ""
    plan_host: str = ""
    replaced: tuple[str, ...] = ()
    limits: Limits = Limits()
    apply_owner: str = ""


@dataclass(frozen=True)
class LogLine:
    """One line of a task's log: ``number`` counts from 1 over the whole task, without gaps."""

    number: int
    text: str
    kind: LineKind
    stage: str
    at: datetime


@dataclass(frozen=True)
class ResourceProgress:
    """What the engine has just said of one resource while it applies (reference §5.10)."""

    address: str
    status: ApplyStatus
    at: datetime
    resource_id: str = ""
    error: str = ""


@dataclass(frozen=True)
class AppliedState:
    """The state file as the engine left it and how the apply ended, as ``applying`` stored it."""

    content: bytes | None = field(repr=False)
    succeeded: bool
    cancelled: bool = False
    error: str = ""


class StateSaveError(Exception):
    """The platform could not store a state version; trying again may help."""


class AttemptLost(Exception):
    """Another attempt has taken over the stage: the platform takes nothing of this one any more."""


class DataAccessor(Protocol):
    """The platform as one stage attempt sees it. Every write is fenced by the attempt's token.

    Any method may raise :class:`AttemptLost`. Lines, progress, checkpoints and tokens to revoke may
    come from other threads, at the same time as other calls.
    """

    def task(self) -> TaskSpec:
        """The task with its snapshot resolved to values."""

    def check_claim(self) -> None:
        """Raises :class:`AttemptLost` if the platform has given the stage to another attempt."""

    def configuration_archive(self) -> bytes:
        """The uploaded configuration as a tar.gz; only asked where ``has_archive``."""

    def current_state(self) -> bytes | None:
        """The newest state version's content, ``None`` before the first apply."""

    def plan_file(self) -> bytes:
        """The stored plan file (``plan.out``), empty when there is none."""

    def applied_state(self) -> AppliedState:
        """What ``applying`` stored when it was closed."""

    def publish_lines(self, lines: Sequence[LogLine]) -> None:
        """Shows lines to whoever watches now; loss is allowed, an error is not raised."""

    def store_lines(self, lines: Sequence[LogLine]) -> None:
        """Stores lines durably; raises on failure, and the same lines are then given again."""

    def stored_lines(self, first: int, count: int) -> Sequence[str]:
        """The task's lines from the number ``first`` on that are stored, at most ``count``."""

    def report_progress(self, progress: Sequence[ResourceProgress]) -> None:
        """Updates the resource changes' live apply status and shows it to whoever watches."""

    def save_state(self, content: bytes) -> int:
        """Stores a new state version and returns its number; raises :class:`StateSaveError`."""

    def checkpoint_state(self, content: bytes) -> None:
        """Keeps the state as the engine has it now, instead of the last one; raises on failure."""

    def checkpoint(self) -> bytes | None:
        """The state that the task's apply has checkpointed last, ``None`` if it never has."""

    def revoke_tokens(self, tokens: Sequence[str]) -> None:
        """Makes remote data tokens worthless that :meth:`task` has issued for this attempt."""

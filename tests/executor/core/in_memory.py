"""The platform's side of the port, in memory: it runs stages and keeps what they hand over."""

import resource
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from executor.core.accessor import (
    AppliedState,
    AttemptLost,
    EngineRelease,
    LogLine,
    Phase,
    ResourceProgress,
    StateSaveError,
    TaskSpec,
)
from executor.core.cancellation import CancelToken
from executor.core.outcome import (
    ApplyOutput,
    InitOutput,
    PlanFileOutput,
    PlanOutput,
    StageOutcome,
)
from executor.core.run import run_stage
from executor.core.settings import ExecutorSettings
from executor.core.workdir import WorkDirectory
from iacplatform.terraform.configuration import Configuration

PLAN_STAGES = ("fetching", "init", "planning", "saving_plan")
APPLY_STAGES = ("fetching", "init", "restoring_plan", "applying", "saving_state")


@contextmanager
def full_disk() -> Iterator[None]:
    """Lets no file of this process grow, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@dataclass
class InMemoryPlatform:
    """A task of one workspace, as the database would have it."""

    release: EngineRelease
    root: Path
    body: dict[str, Any] = field(default_factory=dict)
    configuration: Configuration | None = None
    archive: bytes = b""
    state: bytes | None = None
    stored_plan: bytes = b""
    applied: AppliedState | None = None
    summary: PlanOutput | None = None
    state_versions: list[bytes] = field(default_factory=list)
    checkpoints: list[tuple[datetime, bytes]] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    save_failures: int = 0
    checkpoint_failures: int = 0
    store_failures: int = 0
    taken_over: bool = False
    published: list[LogLine] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    reported: list[ResourceProgress] = field(default_factory=list)
    outcomes: list[StageOutcome] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)

    def settings(self, host: str = "worker-1", **changes: Any) -> ExecutorSettings:
        """Returns the settings of a host: its own work directories, a shared engine and cache."""
        settings = ExecutorSettings(
            work_root=self.root / host,
            engines_dir=self.root / "engines",
            plugin_cache_dir=self.root / "plugins",
            backup_dir=self.root / "backups",
            host=host,
            engine_url_schemes=frozenset({"file"}),
            plan_grace=10,
            apply_grace=10,
            lock_wait=10,
            init_waits=(0.1, 0.1),
            state_save_waits=(0.1, 0.1, 0.1, 0.1),
        )
        return replace(settings, **changes)

    def directory(self, host: str = "worker-1") -> Path:
        """Returns the task's work directory on a host."""
        return WorkDirectory(self.root / host, "ws-test", 7).path

    def run(
        self,
        stage: str,
        phase: Phase = "plan",
        *,
        host: str = "worker-1",
        cancel: CancelToken | None = None,
        **settings: Any,
    ) -> StageOutcome:
        """Runs a stage and takes over what it has made, as the closing transaction does."""
        self.changes["phase"] = phase
        with closing(CancelToken()) as never:
            outcome = run_stage(
                stage,
                self,
                self.settings(host, **settings),
                cancel or never,
                first_line=len(self.lines) + 1,
                phase=phase,
            )
        self.outcomes.append(outcome)
        self._take_over(outcome, host)
        return outcome

    def plan(self, **options: Any) -> StageOutcome:
        """Runs the plan phase, up to the first stage that is not done."""
        return self._run_all(PLAN_STAGES, "plan", options)

    def apply(self, **options: Any) -> StageOutcome:
        """Runs the apply phase; a failed apply goes on with saving its state."""
        return self._run_all(APPLY_STAGES, "apply", options)

    def _run_all(
        self, stages: Sequence[str], phase: Phase, options: dict[str, Any]
    ) -> StageOutcome:
        outcome = self.run(stages[0], phase, **options)
        for stage in stages[1:]:
            if outcome.result != "done":
                break
            outcome = self.run(stage, phase, **options)
        return outcome

    def _take_over(self, outcome: StageOutcome, host: str) -> None:
        match outcome.output:
            case InitOutput(lock_file, init_hash, version):
                self.changes |= {
                    "lock_file": lock_file,
                    "last_init_hash": init_hash,
                    "last_init_engine_version": version,
                }
            case PlanFileOutput(content, plan_hash):
                self.stored_plan = content
                self.changes |= {"plan_hash": plan_hash, "plan_host": host}
            case PlanOutput():
                self.summary = outcome.output
            case ApplyOutput(state):
                succeeded, cancelled = outcome.result == "done", outcome.result == "cancelled"
                self.applied = AppliedState(state, succeeded, cancelled, outcome.message)
            case _:
                pass

    @property
    def text(self) -> str:
        """The stored log."""
        return "\n".join(line.text for line in self.lines)

    def task(self) -> TaskSpec:
        spec = TaskSpec(
            task_id=7,
            task_type="plan_and_apply",
            phase="plan",
            workspace_id="ws-test",
            workspace_name="test",
            engine=self.release,
            configuration=self.configuration or Configuration(bodies=(self.body,)),
            has_archive=bool(self.archive),
        )
        return replace(spec, **self.changes)

    def check_claim(self) -> None:
        if self.taken_over:
            raise AttemptLost

    def configuration_archive(self) -> bytes:
        return self.archive

    def current_state(self) -> bytes | None:
        return self.state

    def plan_file(self) -> bytes:
        return self.stored_plan

    def applied_state(self) -> AppliedState:
        assert self.applied is not None
        return self.applied

    def publish_lines(self, lines: Sequence[LogLine]) -> None:
        self.published += lines

    def store_lines(self, lines: Sequence[LogLine]) -> None:
        if self.store_failures:
            self.store_failures -= 1
            raise ConnectionResetError
        self.lines += lines

    def stored_lines(self, first: int, count: int) -> list[str]:
        return [line.text for line in self.lines if first <= line.number < first + count]

    def report_progress(self, progress: Sequence[ResourceProgress]) -> None:
        self.reported += progress

    def save_state(self, content: bytes) -> int:
        if self.save_failures:
            self.save_failures -= 1
            raise StateSaveError("the database is away")
        self.state = content
        self.state_versions.append(content)
        return len(self.state_versions)

    def checkpoint_state(self, content: bytes) -> None:
        if self.checkpoint_failures:
            self.checkpoint_failures -= 1
            raise ConnectionResetError
        self.checkpoints.append((datetime.now(UTC), content))

    def checkpoint(self) -> bytes | None:
        return self.checkpoints[-1][1] if self.checkpoints else None

    def revoke_tokens(self, tokens: Sequence[str]) -> None:
        self.revoked += tokens

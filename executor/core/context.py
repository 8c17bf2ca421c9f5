"""What a stage is run with."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from executor.core.accessor import DataAccessor, Phase, TaskSpec
from executor.core.cancellation import CancelToken
from executor.core.cleanup import CleanupTracker
from executor.core.log import TaskLog
from executor.core.redaction import Redactor
from executor.core.settings import ExecutorSettings
from executor.core.workdir import Step, WorkDirectory


@dataclass
class StageContext:
    """One attempt at one stage of one task."""

    name: str
    phase: Phase
    spec: TaskSpec
    accessor: DataAccessor
    settings: ExecutorSettings
    workdir: WorkDirectory
    log: TaskLog
    cancel: CancelToken
    redactor: Redactor
    cleanup: CleanupTracker = field(default_factory=CleanupTracker)

    @cached_property
    def snapshot(self) -> str:
        """The digest of what the files are made from; remote data aside, whose tokens change."""
        spec = self.spec
        configuration = asdict(replace(spec.configuration, remote_data=()))
        made_from = [
            *(spec.workspace_id, spec.task_id, spec.task_type, spec.has_archive),
            *(spec.engine.engine, spec.engine.version, spec.engine.checksum),
            *(configuration, spec.environment, spec.targets),
        ]
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()

    def completed(self, step: Step) -> bool:
        """Says whether ``step`` has been completed in the work directory of this host."""
        return self.workdir.completed(step, self.settings.host, self.snapshot)

    def complete(self, step: Step) -> None:
        """Records that ``step`` is complete."""
        self.workdir.complete(step, self.settings.host, self.snapshot)

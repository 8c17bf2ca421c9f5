"""Who is asked about tasks, and what they said."""

from runtasks.models.attachment import WorkspaceRunTask
from runtasks.models.outcome import RunTaskOutcome, TagLevel
from runtasks.models.result import OPEN, UNSUCCESSFUL, ResultStatus, RunTaskResult
from runtasks.models.run_task import EnforcementLevel, RunTask, RunTaskStage, SignatureFormat

__all__ = [
    "OPEN",
    "UNSUCCESSFUL",
    "EnforcementLevel",
    "ResultStatus",
    "RunTask",
    "RunTaskOutcome",
    "RunTaskResult",
    "RunTaskStage",
    "SignatureFormat",
    "TagLevel",
    "WorkspaceRunTask",
]

"""Which workspaces trigger which, and what came of it task by task."""

from triggers.models.execution import ExecutionStatus, TaskTriggerExecution
from triggers.models.run_trigger import RunTrigger, TriggerCondition

__all__ = ["ExecutionStatus", "RunTrigger", "TaskTriggerExecution", "TriggerCondition"]

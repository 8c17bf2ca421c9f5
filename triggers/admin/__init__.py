"""What an operator sees of run triggers, and may do to them; one module a noun."""

from triggers.admin.execution import TaskTriggerExecutionAdmin
from triggers.admin.run_trigger import RunTriggerAdmin

__all__ = ["RunTriggerAdmin", "TaskTriggerExecutionAdmin"]

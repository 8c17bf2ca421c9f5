"""What an operator sees of RunTasks, and may do to them; one module a noun."""

from runtasks.admin.attachment import WorkspaceRunTaskAdmin
from runtasks.admin.result import RunTaskResultAdmin
from runtasks.admin.run_task import RunTaskAdmin

__all__ = ["RunTaskAdmin", "RunTaskResultAdmin", "WorkspaceRunTaskAdmin"]

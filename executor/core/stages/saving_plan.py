"""Stage ``saving_plan``: what the plan says, as JSON and as a summary."""

from executor.core import engine_command
from executor.core.context import StageContext
from executor.core.exceptions import EngineFailed, StageError
from executor.core.outcome import PlanOutput, StageOutcome
from executor.core.preparation import ensure_plan
from executor.core.workdir import PLAN_FILE
from iacplatform.terraform.exceptions import PlanError
from iacplatform.terraform.plan import summarise


def run(stage: StageContext) -> StageOutcome:
    """Reads the plan; the outcome's output is a :class:`PlanOutput`.

    A plan that cannot be shown fails a task that could be applied; any other goes on with a
    warning and without an output (reference §5.2, M1).
    """
    ensure_plan(stage)
    try:
        plan_json = engine_command.output_of(stage, "show", "-json", "-no-color", PLAN_FILE)
        summary = summarise(plan_json)
    except (EngineFailed, PlanError) as error:
        message = f"The plan cannot be shown: {error}"
        if stage.spec.task_type != "plan_only":
            raise StageError(message) from error
        stage.log.message("WARN", message)
        return StageOutcome("done", message)
    counts = f"{summary.add} to add, {summary.change} to change, {summary.destroy} to destroy"
    stage.log.message("INFO", f"Plan: {counts}")
    return StageOutcome("done", output=PlanOutput(plan_json, summary))

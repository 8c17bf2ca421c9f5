"""Stage ``restoring_plan``: the stored plan file on the host that will apply it."""

from executor.core.context import StageContext
from executor.core.outcome import StageOutcome
from executor.core.preparation import ensure_init, plan_is_reusable, restore_plan

SKIPPED = "Plan restoring stage skipped — same agent, plan hash verified"


def run(stage: StageContext) -> StageOutcome:
    """Writes the plan file and verifies its hash, unless it is here (reference §5.8)."""
    if plan_is_reusable(stage):
        stage.log.message("INFO", SKIPPED)
        return StageOutcome("done", SKIPPED, skipped=True)
    ensure_init(stage)
    restore_plan(stage)
    stage.log.message("INFO", "The plan file is restored, its hash verified.")
    return StageOutcome("done")

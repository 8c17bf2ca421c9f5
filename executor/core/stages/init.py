"""Stage ``init``: ``terraform init``, unless the plan phase has left everything here."""

from executor.core.context import StageContext
from executor.core.outcome import StageOutcome
from executor.core.preparation import ensure_files, initialise, plan_is_reusable

SKIPPED = "Init stage skipped — same agent, plan hash verified"


def run(stage: StageContext) -> StageOutcome:
    """Initialises the work directory; the outcome's output is an :class:`InitOutput`."""
    if plan_is_reusable(stage):
        stage.log.message("INFO", SKIPPED)
        return StageOutcome("done", SKIPPED, skipped=True)
    ensure_files(stage)
    return StageOutcome("done", output=initialise(stage))

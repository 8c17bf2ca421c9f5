"""Stage ``planning``: ``terraform plan`` (reference §5.6)."""

import hashlib

from executor.core import engine_command
from executor.core.context import StageContext
from executor.core.environment import plan_arguments
from executor.core.exceptions import EngineFailed
from executor.core.outcome import PlanFileOutput, StageOutcome
from executor.core.preparation import ensure_init, renew_remote_data
from executor.core.workdir import PLAN_FILE


def run(stage: StageContext) -> StageOutcome:
    """Plans; the outcome's output is a :class:`PlanFileOutput`."""
    ensure_init(stage)
    renew_remote_data(stage)
    engine_command.run_or_fail(
        stage,
        "plan",
        f"-out={PLAN_FILE}",
        "-no-color",
        "-input=false",
        "-var-file=variables.tfvars",
        *plan_arguments(stage.spec),
    )
    content = stage.workdir.read(PLAN_FILE)
    if not content:
        raise EngineFailed("The engine has written no plan file.")
    stage.complete("plan")
    plan_hash = hashlib.sha256(content).hexdigest()
    return StageOutcome("done", output=PlanFileOutput(content, plan_hash))

"""Stage ``fetching``: the engine, and the files of the task's snapshot."""

from functools import partial

from executor.core import engine
from executor.core.context import StageContext
from executor.core.environment import plan_arguments, refused_names
from executor.core.outcome import StageOutcome
from executor.core.preparation import plan_is_reusable, write_files


def run(stage: StageContext) -> StageOutcome:
    """Installs the engine and writes the work directory, unless the plan phase has left it whole.

    Raises what :func:`executor.core.engine.install` and
    :func:`executor.core.preparation.write_files` raise.
    """
    release = stage.spec.engine
    note = partial(stage.log.message, "INFO")
    engine.install(release, stage.settings, note, stage.cancel)
    stage.log.message(
        "INFO", f"Engine: {release.engine} {release.version} on {stage.settings.host}"
    )
    for name in refused_names(stage.spec.environment):
        stage.log.message("WARN", f"A workspace may not set {name!a}: the variable is left out.")
    if plan_is_reusable(stage):
        stage.log.message("INFO", "The work directory of the plan is still here and is used again.")
        return StageOutcome("done")
    plan_arguments(stage.spec)  # better refused here than after init
    write_files(stage)
    return StageOutcome("done")

"""Points (see :mod:`tests.faults.points`) on the way of a stage worker through the real code.

Places: ``<phase>.<stage>.before`` and ``.after`` (the stage's own work: claimed but not begun; done but
not closed) and ``<phase>.<stage>.publish`` (that stage is open, its hint not yet sent).

With ``FAULT_UNGUARDED`` the claim loses its conditions: the negative control of the whole suite.
With ``FAULT_UNKNOWN_STAGE`` the worker's code knows one stage less, like that of an older release.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kombu import Queue

from executor import claims, dispatch, worker_life
from executor.core.context import StageContext
from executor.core.outcome import StageOutcome
from executor.core.run import STAGES
from tests.faults.points import Points
from workspaces.models import TaskStage
from workspaces.task_status import Stage

LEFTOVERS_SECONDS = 2.0
POLL_SECONDS = 0.05
POINTS = Points(Path(os.environ["FAULT_POINTS"]))
GUARDS = {
    "CLAIM": "AND stage.status = 'ready'",
    "APPLY_ONCE": "AND (apply_token IS NULL OR apply_token = %(token)s)",
}
RunStage = Callable[[StageContext], StageOutcome]
Publish = Callable[[int, Queue], bool]


def wrap() -> None:
    """Wraps the stages and the sending of hints; makes directories go in seconds."""
    worker_life.LEFTOVERS_SECONDS = LEFTOVERS_SECONDS
    STAGES.update({name: _passing(run) for name, run in STAGES.items()})
    dispatch._publish = _passing_publish(dispatch._publish)  # type: ignore[assignment]
    if os.environ.get("FAULT_UNGUARDED"):
        _remove_guards()
    if unknown := os.environ.get("FAULT_UNKNOWN_STAGE"):
        claims.KNOWN_STAGES.remove(Stage(unknown))
        del STAGES[unknown]


def _pass_by(place: str, workspace_id: str, asked_to_stop: Callable[[], bool]) -> None:
    """Dies or waits here if a point says so; a stage that is asked to stop waits no longer."""
    if POINTS.holds("poison", place, workspace_id):
        POINTS.note_reached(place, workspace_id)
        os.kill(os.getpid(), signal.SIGKILL)
    if POINTS.holds("hold", place, workspace_id):
        POINTS.note_reached(place, workspace_id)
    while POINTS.holds("hold", place, workspace_id) and not asked_to_stop():
        time.sleep(POLL_SECONDS)


def _passing(run: RunStage) -> RunStage:
    def passing(stage: StageContext) -> StageOutcome:
        place, workspace_id = f"{stage.phase}.{stage.name}", stage.spec.workspace_id

        def asked_to_stop() -> bool:
            return stage.cancel.requested

        _pass_by(f"{place}.before", workspace_id, asked_to_stop)
        outcome = run(stage)
        _pass_by(f"{place}.after", workspace_id, asked_to_stop)
        return outcome

    return passing


def _passing_publish(publish: Publish) -> Publish:
    def passing(stage_id: int, queue: Queue) -> bool:
        if any(POINTS.directory.glob("*.publish.*")):
            stage = TaskStage.objects.select_related("task__workspace").get(pk=stage_id)
            place = f"{stage.phase}.{stage.name}.publish"
            _pass_by(place, stage.task.workspace.workspace_id, lambda: False)
        return publish(stage_id, queue)

    return passing


def _remove_guards() -> None:
    """Lets anybody claim anything, any number of times."""
    for name, guard in GUARDS.items():
        statement: str = getattr(claims, name)
        if guard not in statement:
            sys.exit(f"{guard!r} is not in executor.claims.{name}: nothing to take away")
        setattr(claims, name, statement.replace(guard, ""))

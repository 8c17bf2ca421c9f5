"""One command of the engine, run for a stage: its lines in the log, its error in one piece."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from executor.core import engine
from executor.core.context import StageContext
from executor.core.environment import engine_environment
from executor.core.exceptions import EngineFailed, TaskCancelled
from executor.core.lines import Consumer, LineSplitter, Stream
from executor.core.process import Command, Grace, capture, supervise
from iacplatform.terraform.errors import extract_error

_MAX_ERROR_CHARACTERS = 1024 * 1024
_LAST_LINES = 20


@dataclass(frozen=True)
class EngineResult:
    """How a command ended; ``error`` is the engine's own, empty when it succeeded."""

    succeeded: bool
    cancelled: bool
    error: str


class _ErrorLines:
    """Keeps what the engine says on stderr, and its last words in case that is nothing."""

    def __init__(self) -> None:
        self._errors: list[str] = []
        self._room = _MAX_ERROR_CHARACTERS
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def __call__(self, line: str, stream: Stream) -> None:
        if stream == "stdout":
            self._last.append(line)
        elif self._room > 0:
            self._errors.append(line[: self._room])
            self._room -= len(line)

    def text(self) -> str:
        return extract_error(self._errors if any(self._errors) else self._last)


def run(
    stage: StageContext, *arguments: str, grace: float, consumers: Sequence[Consumer] = ()
) -> EngineResult:
    """Runs the engine in the stage's work directory; every line is logged, then given on.

    The engine has ``grace`` seconds to stop when the task is cancelled.
    """
    errors = _ErrorLines()
    readers: list[Consumer] = [stage.log.output, errors, *consumers]
    warn = partial(stage.log.message, "WARN")
    stdout, stderr = LineSplitter("stdout", readers, warn), LineSplitter("stderr", readers, warn)
    result = supervise(
        _command(stage, arguments),
        (stdout, stderr),
        stage.cancel,
        Grace(grace, stage.settings.terminate_grace),
        warn,
    )
    for splitter in (stdout, stderr):
        splitter.finish()
    stage.log.end_output()
    stage.log.message(
        "DEBUG", f"{arguments[0]} ended with {result.exit_code} after {result.duration} s."
    )
    succeeded = result.exit_code == 0
    error = "" if succeeded else errors.text() or f"The engine ended with {result.exit_code}."
    return EngineResult(succeeded, result.cancelled, error)


def run_or_fail(stage: StageContext, *arguments: str) -> None:
    """Runs the engine; raises :class:`EngineFailed` or :class:`TaskCancelled`."""
    result = run(stage, *arguments, grace=stage.settings.plan_grace)
    if result.cancelled:
        raise TaskCancelled(stage.cancel.reason)
    if not result.succeeded:
        raise EngineFailed(result.error)


def output_of(stage: StageContext, *arguments: str) -> bytes:
    """Runs the engine and returns its stdout; raises as :func:`run_or_fail` does.

    Same binary and environment as for any other command; nothing of it is logged.
    """
    grace = Grace(stage.settings.plan_grace, stage.settings.terminate_grace)
    command = _command(stage, arguments)
    result, output, errors = capture(
        command, stage.cancel, grace, partial(stage.log.message, "WARN")
    )
    if result.cancelled:
        raise TaskCancelled(stage.cancel.reason)
    if result.exit_code != 0:
        raise EngineFailed(extract_error(errors) or f"The engine ended with {result.exit_code}.")
    return output


def _command(stage: StageContext, arguments: Sequence[str]) -> Command:
    stage.cancel.raise_if_requested()
    note = partial(stage.log.message, "INFO")
    binary = engine.install(stage.spec.engine, stage.settings, note, stage.cancel)
    return Command(
        argv=[str(binary), *arguments],
        cwd=stage.workdir.path,
        env=engine_environment(stage.spec, stage.settings, stage.workdir),
        inherited_fds=stage.workdir.inherited_fds,
    )

"""One command of the engine, run for a stage: its lines in the log, its error in one piece."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from executor.core import engine
from executor.core.context import StageContext
from executor.core.environment import engine_environment
from executor.core.exceptions import EngineFailed, TaskCancelled
from executor.core.lines import Consumer, LineReaders, OutputReader, Stream
from executor.core.process import (
    Command,
    Output,
    ProcessLimits,
    ProcessResult,
    capture,
    supervise,
)
from executor.core.stop_signals import Grace
from iacplatform.terraform.errors import extract_error

_MAX_ERROR_CHARACTERS = 1024 * 1024
_LAST_LINES = 20


@dataclass(frozen=True)
class EngineResult:
    """How a command ended; ``error`` is empty when it succeeded.

    Otherwise it is the engine's own, or says which limit was exceeded. ``cancelled`` is only what
    was stopped by a request.
    """

    succeeded: bool
    cancelled: bool
    error: str


class _ErrorLines:
    """Keeps what the engine says on stderr, and its last words in case that is nothing."""

    def __init__(self) -> None:
        self._errors: list[str] = []
        self._room = _MAX_ERROR_CHARACTERS
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def __call__(self, lines: Sequence[str], stream: Stream) -> None:
        if stream == "stdout":
            self._last.extend(lines[-_LAST_LINES:])
            return
        for line in lines:
            if self._room > 0:
                self._errors.append(line[: self._room])
                self._room -= len(line)

    def text(self) -> str:
        return extract_error(self._errors if any(self._errors) else self._last)


def run(
    stage: StageContext, *arguments: str, grace: float, consumers: Sequence[Consumer] = ()
) -> EngineResult:
    """Runs the engine in the stage's work directory; every line is logged, then given on.

    The engine has ``grace`` seconds to stop when the task is cancelled or a limit is exceeded.
    Raises :class:`StageError` when the disk is full before it starts.
    """
    errors = _ErrorLines()
    warn = partial(stage.log.message, "WARN")
    readers = LineReaders([stage.log.output, errors], consumers, warn)
    stdout, stderr = OutputReader("stdout", readers), OutputReader("stderr", readers)
    command = _command(stage, arguments)
    with stage.log.engine_outputs() as files:
        result = supervise(
            command,
            (Output(files[0], stdout), Output(files[1], stderr)),
            stage.cancel,
            _grace(stage, grace),
            warn,
            _limits(stage, arguments),
            stage.log.has_room,
        )
        for reader in (stdout, stderr):
            reader.finish()
    name = arguments[0]
    stage.log.message("DEBUG", f"{name} ended with {result.exit_code} after {result.duration} s.")
    error = _error(stage, name, result, errors.text)
    return EngineResult(not error, result.cancelled, error)


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
    result, output, errors = capture(
        _command(stage, arguments),
        stage.cancel,
        _grace(stage, stage.settings.plan_grace),
        partial(stage.log.message, "WARN"),
        _limits(stage, arguments),
    )
    if result.cancelled:
        raise TaskCancelled(stage.cancel.reason)
    if error := _error(stage, arguments[0], result, partial(extract_error, errors)):
        raise EngineFailed(error)
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


def _grace(stage: StageContext, seconds: float) -> Grace:
    return Grace(seconds, stage.settings.terminate_grace, stage.settings.force_grace)


def _limits(stage: StageContext, arguments: Sequence[str]) -> ProcessLimits:
    limits = stage.spec.limits
    total = limits.apply if arguments[0] == "apply" else limits.plan
    return ProcessLimits(total, limits.silence)


def _error(
    stage: StageContext, name: str, result: ProcessResult, engine_error: Callable[[], str]
) -> str:
    """Returns what a person has to know of a command that failed, empty for one that has not."""
    if result.exit_code == 0:
        return ""
    if not result.limit:
        return engine_error() or f"The engine ended with {result.exit_code}."
    limits = _limits(stage, [name])
    if result.limit == "silence":
        exceeded = f"The silence limit of {limits.silence:g} seconds was exceeded by {name}"
    else:
        kind = "an apply" if name == "apply" else "a plan"
        exceeded = f"The time limit of {limits.total:g} seconds for {kind} was exceeded by {name}"
    return f"{exceeded}: the engine was stopped."

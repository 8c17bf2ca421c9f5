"""Engine processes: real ones, that misbehave in every way we know of."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executor.core import guardian
from executor.core.accessor import EngineRelease
from executor.core.cancellation import CancelToken
from executor.core.engine import install
from executor.core.lines import LineReaders, OutputReader, Stream
from executor.core.output_files import named_outputs
from executor.core.process import (
    NO_LIMITS,
    Command,
    Output,
    ProcessLimits,
    ProcessResult,
    capture,
    supervise,
)
from executor.core.stop_signals import Grace
from tests.executor.core.in_memory import InMemoryPlatform

ENVIRONMENT = {"PATH": os.environ["PATH"]}
GRACE = Grace(5, 5)
PYTHON = [sys.executable, "-I", "-S", "-c"]


class Run:
    """A supervised process with what came of it."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.runs = 0
        self.cancel = CancelToken()
        self.lines: list[tuple[str, Stream]] = []
        self.steps: list[str] = []

    def __call__(
        self,
        *argv: str,
        fds: tuple[int, ...] = (),
        grace: Grace = GRACE,
        limits: ProcessLimits = NO_LIMITS,
        ready: Callable[[], bool] = lambda: True,
    ) -> ProcessResult:
        command = Command(argv, self.cwd, ENVIRONMENT, fds)
        readers = LineReaders([], [lambda line, of: self.lines.append((line, of))], pytest.fail)
        stdout, stderr = OutputReader("stdout", readers), OutputReader("stderr", readers)
        self.runs += 1
        names = (self.cwd / f"{self.runs}.{stream}" for stream in ("stdout", "stderr"))
        with named_outputs(*names) as files:
            outputs = (Output(files[0], stdout), Output(files[1], stderr))
            step = self.steps.append
            result = supervise(command, outputs, self.cancel, grace, step, limits, ready)
        for reader in (stdout, stderr):
            reader.finish()
        return result

    def cancel_at(self, line: str, *, force: bool = False) -> None:
        """Requests a stop as soon as the process has written ``line``."""

        def watch() -> None:
            wait_until(lambda: (line, "stdout") in self.lines)
            self.cancel.request("stop", force=force)

        threading.Thread(target=watch, daemon=True).start()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    supervised = Run(tmp_path)
    yield supervised
    supervised.cancel.close()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def program(text: str) -> list[str]:
    return [*PYTHON, textwrap.dedent(text)]


def test_both_outputs_and_the_exit_code_are_read(run: Run) -> None:
    result = run("/bin/sh", "-c", "echo out; echo err >&2; printf 'no end'; exit 3")
    assert (result.exit_code, result.cancelled, result.killed) == (3, False, False)
    assert sorted(run.lines) == [("err", "stderr"), ("no end", "stdout"), ("out", "stdout")]


def test_the_process_has_its_own_session_no_input_and_only_its_environment(run: Run) -> None:
    script = (
        "import os, sys; print(os.getsid(0) == os.getppid(), repr(sys.stdin.read()), *os.environ)"
    )
    run(*PYTHON, script)
    flag, stdin, *names = run.lines[0][0].split()
    assert (flag, stdin) == ("True", "''")
    assert set(names) <= {"PATH", "LC_CTYPE"}


def test_what_the_process_writes_is_private(run: Run, tmp_path: Path) -> None:
    run("/bin/sh", "-c", "echo secret > plan.out")
    assert (tmp_path / "plan.out").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_of_five_megabytes_is_read_while_the_other_output_is_full(
    run: Run, stream: str
) -> None:
    """F21: both outputs are read at once, and no line is too long."""
    script = f"""
        import sys
        sys.stdout.write("o" * 300_000 + chr(10))
        sys.stderr.write("e" * 300_000 + chr(10))
        sys.{stream}.write("x" * 5 * 1024 * 1024)
    """
    assert run(*program(script)).exit_code == 0
    assert sorted(len(line) for line, _ in run.lines) == [300_000, 300_000, 5 * 1024 * 1024]


def test_twenty_thousand_lines_a_second_are_read(run: Run) -> None:
    started = time.monotonic()
    run(*program("for n in range(40_000): print(f'module.x.aws_instance.web[{n}]: Creating...')"))
    assert len(run.lines) == 40_000
    assert time.monotonic() - started < 2


def test_a_cancelled_process_gets_sigint_at_once(run: Run) -> None:
    run.cancel_at("ready")
    result = run(
        *program("""
        import signal, sys, time
        signal.signal(signal.SIGINT, lambda *_: (print("stopping"), sys.exit(1)))
        print("ready", flush=True)
        time.sleep(60)
        """)
    )
    assert (result.exit_code, result.cancelled, result.killed) == (1, True, False)
    assert run.lines[-1] == ("stopping", "stdout")
    assert run.steps == ["SIGINT is sent to the engine."]
    assert result.duration < 5


STUBBORN = """
    import os, signal, time
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _: os.write(1, f"{signal.Signals(got).name}\\n".encode()))
    child = os.fork()
    print("ready" if child else f"child {os.getpid()}", flush=True)
    while True:
        time.sleep(60)
"""


def test_a_process_that_ignores_signals_is_killed_with_its_group(run: Run) -> None:
    """After the grace SIGTERM, then SIGKILL to all that it has started."""
    run.cancel_at("ready")
    result = run(*program(STUBBORN), grace=Grace(0.3, 0.3))
    assert (result.exit_code, result.cancelled, result.killed) == (-signal.SIGKILL, True, True)
    assert [step.split()[0] for step in run.steps] == ["SIGINT", "SIGTERM", "SIGKILL"]
    assert [line for line, _ in run.lines if line.startswith("SIG")] == ["SIGINT", "SIGTERM"]
    child = next(int(line.split()[1]) for line, _ in run.lines if line.startswith("child"))
    wait_until(lambda: not is_alive(child))


def test_a_forced_stop_shortens_the_grace(run: Run) -> None:
    run.cancel_at("ready", force=True)
    result = run(*program(STUBBORN), grace=Grace(300, 0.3, force=0.5))
    assert result.killed
    assert 0.8 <= result.duration < 20


def test_a_stop_can_be_forced_after_it_was_requested_and_still_leaves_time(run: Run) -> None:
    """A second signal right after SIGINT would make Terraform end at once, without its state."""
    run.cancel_at("ready")
    moments: list[float] = []

    def force() -> None:
        wait_until(lambda: ("SIGINT", "stdout") in run.lines)
        moments.append(time.monotonic())
        run.cancel.request("now", force=True)
        wait_until(lambda: ("SIGTERM", "stdout") in run.lines)
        moments.append(time.monotonic())

    thread = threading.Thread(target=force)
    thread.start()
    result = run(*program(STUBBORN), grace=Grace(300, 0.3, force=1))
    thread.join()
    assert result.killed
    assert 0.9 <= moments[1] - moments[0] < 10


def test_the_time_since_the_first_signal_counts_for_a_forced_stop(run: Run) -> None:
    run.cancel_at("ready")

    def force() -> None:
        wait_until(lambda: ("SIGINT", "stdout") in run.lines)
        time.sleep(0.6)
        run.cancel.request("now", force=True)

    threading.Thread(target=force, daemon=True).start()
    started = time.monotonic()
    run(*program(STUBBORN), grace=Grace(300, 0.1, force=0.5))
    assert time.monotonic() - started < 10


def test_a_process_that_takes_too_long_is_stopped_gracefully(run: Run) -> None:
    result = run(*program(STUBBORN), grace=Grace(0.3, 0.3), limits=ProcessLimits(total=0.5))
    assert (result.limit, result.cancelled, result.killed) == ("total", False, True)
    assert run.steps[0] == "The engine has been running for 0.5 s, its time limit."
    assert [step.split()[0] for step in run.steps[1:]] == ["SIGINT", "SIGTERM", "SIGKILL"]


SPEAKER = """
    import os, time
    for _ in range(10):
        time.sleep(0.1)
        os.write({output}, b"still here\\n")
    time.sleep(60)
"""


@pytest.mark.parametrize("output", [1, 2])
def test_a_process_that_is_silent_for_too_long_is_stopped(run: Run, output: int) -> None:
    limits = ProcessLimits(total=60, silence=0.6)
    result = run(*program(SPEAKER.format(output=output)), limits=limits)
    assert (result.exit_code, result.limit) == (-signal.SIGINT, "silence")
    assert [line for line, _ in run.lines].count("still here") == 10
    assert run.steps[0] == "The engine has been silent for 0.6 s, its silence limit."
    assert result.duration < 10


def test_what_is_written_counts_as_sound_even_if_it_cannot_be_read_yet(run: Run) -> None:
    def told_to_stop() -> bool:
        return bool(run.steps)

    limits = ProcessLimits(silence=0.6)
    result = run(*program(SPEAKER.format(output=1)), limits=limits, ready=told_to_stop)
    assert 1.4 < result.duration < 10
    assert [line for line, _ in run.lines].count("still here") == 10


def test_a_cancel_while_a_limit_stops_the_process_changes_nothing(run: Run) -> None:
    run.cancel_at("SIGINT", force=True)
    result = run(*program(STUBBORN), grace=Grace(300, 0.1, 0.3), limits=ProcessLimits(total=0.5))
    assert (result.limit, result.cancelled) == ("total", False)


def test_limits_do_not_touch_a_process_that_keeps_them(run: Run) -> None:
    result = run("/bin/sh", "-c", "echo done", limits=ProcessLimits(total=20, silence=20))
    assert (result.exit_code, result.limit, run.steps) == (0, "", [])


def test_nothing_is_read_while_the_reader_is_not_ready(run: Run) -> None:
    """What the engine writes waits in its files, and neither it nor a cancel waits for that."""
    ready = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        wait_until((run.cwd / "written").exists)
        time.sleep(0.2)
        seen.append(len(run.lines))
        ready.set()

    threading.Thread(target=watch, daemon=True).start()
    script = "import pathlib; print('x\\n' * 200_000, flush=True); pathlib.Path('written').touch()"
    result = run(*PYTHON, f"{script}; import time; time.sleep(1)", ready=ready.is_set)
    assert result.exit_code == 0
    assert seen == [0]
    assert len(run.lines) == 200_001


def test_a_line_without_an_end_is_read_when_the_process_is_killed(run: Run) -> None:
    script = """
        import os, signal
        os.write(1, b"first\\n" + b"x" * 5 * 1024 * 1024)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    result = run(*program(script))
    assert result.exit_code == -signal.SIGKILL
    assert [len(line) for line, _ in run.lines] == [5, 5 * 1024 * 1024]


ORPHAN = """
    import os, sys, time
    if os.fork() == 0:
        {setsid}
        print("child", os.getpid(), flush=True)
        time.sleep(60)
        os._exit(0)
    time.sleep(0.3)
    print("the engine's last words")
"""


def test_a_background_process_that_keeps_the_output_open_is_not_waited_for(run: Run) -> None:
    result = run(*program(ORPHAN.format(setsid="")))
    assert result.exit_code == 0
    assert result.duration < 10
    assert ("the engine's last words", "stdout") in run.lines
    child = next(int(line.split()[1]) for line, _ in run.lines if line.startswith("child"))
    wait_until(lambda: not is_alive(child))


def test_not_even_one_in_a_session_of_its_own(run: Run) -> None:
    result = run(*program(ORPHAN.format(setsid="os.setsid()")))
    assert result.duration < 10
    assert ("the engine's last words", "stdout") in run.lines
    child = next(int(line.split()[1]) for line, _ in run.lines if line.startswith("child"))
    os.kill(child, signal.SIGKILL)


def test_the_lock_is_held_as_long_as_anything_the_engine_started_lives(
    run: Run, tmp_path: Path
) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(*program(ORPHAN.format(setsid="os.setsid()")), fds=(lock.fileno(),))
    child = next(int(line.split()[1]) for line, _ in run.lines if line.startswith("child"))
    with (tmp_path / ".lock").open("w") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: not is_alive(child))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_command_that_does_not_exist_says_so(run: Run) -> None:
    result = run("/does/not/exist")
    assert result.exit_code != 0
    assert "/does/not/exist" in run.lines[-1][0] or "No such file" in run.lines[-1][0]


def test_supervising_leaves_no_descriptor_open(run: Run) -> None:
    run("/bin/true")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not walked
    for _ in range(5):
        run("/bin/true")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_waiting_for_a_quiet_process_costs_no_processor_time(run: Run) -> None:
    before = time.thread_time()
    run("/bin/sleep", "1")
    assert time.thread_time() - before < 0.05


def test_an_output_can_be_captured_whole(tmp_path: Path) -> None:
    command = Command(
        program("import sys; print('x' * 3_000_000); sys.stderr.write('warned')"),
        tmp_path,
        ENVIRONMENT,
    )
    result, output, errors = capture(command, CancelToken(), Grace(5), pytest.fail)
    assert (result.exit_code, len(output), errors) == (0, 3_000_001, "warned")


def test_a_captured_process_that_is_silent_for_too_long_is_stopped(tmp_path: Path) -> None:
    command = Command(program(SPEAKER.format(output=1)), tmp_path, ENVIRONMENT)
    steps: list[str] = []
    result, output, _ = capture(
        command, CancelToken(), Grace(5), steps.append, ProcessLimits(silence=2)
    )
    assert (result.limit, output.count(b"still here")) == ("silence", 10)
    assert 2.9 < result.duration < 10


SUPERVISOR = """
    import errno, os, sys
    from pathlib import Path
    sys.path[:0] = {path!r}
    from executor.core import guardian, process
    from executor.core.cancellation import CancelToken
    from executor.core.output_files import named_outputs
    from executor.core.stop_signals import Grace
    from tests.executor.core.refusing import refuse
    if {shim}:
        guardian.shutil.which = lambda name: None
    if {polling}:
        refuse("inotify_init1", errno.EMFILE)
    cwd = Path({cwd!r})
    command = process.Command({argv!r}, cwd, dict(os.environ), (int(sys.argv[1]),))
    sink = os.fdopen(1, "wb", 0).write
    with named_outputs(cwd / "stdout", cwd / "stderr") as files:
        outputs = tuple(process.Output(file, sink) for file in files)
        result = process.supervise(command, outputs, CancelToken(), Grace(5), print)
    print(result)
"""


@contextlib.contextmanager
def supervisor(
    argv: list[str], cwd: Path, *, shim: bool = False, polling: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process that supervises ``argv`` under the lock of ``cwd``."""
    text = SUPERVISOR.format(path=sys.path, shim=shim, polling=polling, argv=argv, cwd=str(cwd))
    with (cwd / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-c", textwrap.dedent(text), str(lock.fileno())]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[lock.fileno()])
    try:
        yield worker
    finally:
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize("shim", [False, True])
def test_an_engine_stops_gracefully_when_its_worker_is_killed(
    tmp_path: Path, release: EngineRelease, *, shim: bool
) -> None:
    """kill -9 of the worker: the engine gets SIGINT, writes its state, then lets go of the lock."""
    settings = InMemoryPlatform(release, tmp_path).settings()
    engine = str(install(release, settings, print, CancelToken()))
    directory = tmp_path / "work"
    directory.mkdir()
    (directory / "main.tf").write_text(
        """
        resource "terraform_data" "quick" {}
        resource "terraform_data" "slow" {
          depends_on = [terraform_data.quick]
          provisioner "local-exec" { command = "exec sleep 60" }
        }
        """
    )
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    subprocess.run(
        [engine, "init"], cwd=directory, env=environment, check=True, capture_output=True
    )
    apply = [engine, "apply", "-no-color", "-auto-approve"]
    with supervisor(apply, directory, shim=shim) as worker:
        assert worker.stdout
        for line in worker.stdout:
            if b"Executing" in line:
                break
        with (directory / ".lock").open("w") as lock:
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            worker.kill()
            wait_until(lambda: _takes(lock.fileno()))
    state = json.loads((directory / "terraform.tfstate").read_text())
    resources = {each["name"]: each["instances"][0] for each in state["resources"]}
    assert resources.keys() == {"quick", "slow"}
    assert resources["slow"]["status"] == "tainted"
    # What it said without anybody listening is there, too.
    assert "Gracefully shutting down..." in (directory / "stdout").read_text()
    assert "execution halted" in (directory / "stderr").read_text()


def test_output_is_read_without_file_watches_as_well(tmp_path: Path) -> None:
    """They are few, and shared by all that a user runs (inotify(7))."""
    script = "import time; print('one', flush=True); time.sleep(0.5); print('two')"
    with supervisor([*PYTHON, script], tmp_path, polling=True) as worker:
        assert worker.stdout
        started = time.monotonic()
        assert worker.stdout.readline() == b"one\n"
        first = time.monotonic() - started
        assert worker.stdout.readline() == b"two\n"
        assert b"exit_code=0" in worker.stdout.readline()
    assert time.monotonic() - started > first


def _takes(fd: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def test_the_death_signal_works_without_setpriv(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    guardian._guardian.cache_clear()
    try:
        assert guardian.guarded([])[0] == sys.executable
        result = run("/bin/sh", "-c", 'echo "$0 $1"', "with arguments", "and spaces")
    finally:
        guardian._guardian.cache_clear()
    assert (result.exit_code, run.lines) == (0, [("with arguments and spaces", "stdout")])

"""The whole platform on one machine: PostgreSQL, Redis, web, workers and beat, for one command."""

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from iacplatform.embedded.engine import EngineArchive, embedded_terraform
from iacplatform.embedded.exceptions import ChildFailedError
from iacplatform.embedded.processes import Supervisor
from iacplatform.embedded.services import embedded_services

PROJECT = Path(__file__).resolve().parent.parent.parent
MANAGE = (sys.executable, str(PROJECT / "manage.py"))
USERNAME = "admin"
# Pings find viewers who are gone; they themselves have nothing to say.
WEBSOCKETS = ("--ws-ping-interval", "30", "--ws-ping-timeout", "30", "--ws-max-size", "4096")
WORKERS = ("stages", "control", "delivery")
LOOPBACK = "127.0.0.1"
Announce = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Stack:
    """A running platform and how to talk to it."""

    base_url: str
    username: str
    password: str
    token: str
    environment: dict[str, str]
    supervisor: Supervisor


@contextmanager
def running_stack(
    run_dir: Path,
    announce: Announce,
    *,
    port: int = 0,
    engine: EngineArchive | None = None,
    durable: bool = True,
    slots: int = 8,
    settings: dict[str, str] | None = None,
    stage_workers: bool = True,
) -> Iterator[Stack]:
    """Starts everything, yields once it answers, and stops what it started.

    ``announce(sentence)`` wraps each step; ``port`` 0 takes a free one; ``settings`` are added to the
    processes' environment, ``stage_workers=False`` leaves those to the caller. Data and logs stay in
    ``run_dir``.
    """
    run_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    with ExitStack() as stack:
        with announce("PostgreSQL and Redis"):
            addresses = stack.enter_context(embedded_services(run_dir, durable=durable))
        known = installation_secrets(run_dir / "secrets.json")
        base_url = f"http://{LOOPBACK}:{port or free_port()}"
        environment = addresses | platform_environment(run_dir, base_url, known) | (settings or {})
        supervisor = stack.enter_context(Supervisor(run_dir, environment))
        with announce("Database, administrator and engine"):
            engine = engine or embedded_terraform(PROJECT / ".cache")
            token = bootstrap(supervisor.environment, known["password"], engine)
        with announce("Web server, workers and beat"):
            if stage_workers:
                _start_stage_worker(supervisor, run_dir, slots)
            _start(supervisor, run_dir, base_url)
        yield Stack(base_url, USERNAME, known["password"], token, environment, supervisor)


def platform_environment(run_dir: Path, base_url: str, known: dict[str, str]) -> dict[str, str]:
    """The settings that every process of an installation in ``run_dir`` has in common."""
    return {
        "DJANGO_SETTINGS_MODULE": "iacplatform.settings.base",
        "SECRET_KEY": known["secret_key"],
        "ENCRYPTION_KEYS": known["encryption_key"],
        "BASE_URL": base_url,
        "DATA_DIR": str(run_dir.absolute() / "data"),
        "ENGINE_URL_SCHEMES": "https,file",
        # Services to try things with run on this machine; a deployment allows no such thing.
        "OUTBOUND_ALLOWED_NETWORKS": f"{LOOPBACK}/32",
        "PYTHONPATH": str(PROJECT),
    }


def installation_secrets(path: Path) -> dict[str, str]:
    """This directory's keys and password: made once, so that its database can be read again."""
    if not path.exists():
        known = {
            "secret_key": secrets.token_urlsafe(48),
            "encryption_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "password": secrets.token_urlsafe(9),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(known))
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def bootstrap(environment: dict[str, str], password: str, engine: EngineArchive) -> str:
    """Sets the database up; returns an API token. Raises :class:`ChildFailedError`."""
    arguments = [f"--username={USERNAME}", f"--password={password}"]
    result = subprocess.run(
        [*MANAGE, "bootstrap", *arguments, "--engine", json.dumps(asdict(engine))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ChildFailedError(f"the database could not be set up:\n{result.stderr[-2000:]}")
    token: str = json.loads(result.stdout)["token"]
    return token


def _start_stage_worker(supervisor: Supervisor, run_dir: Path, slots: int) -> None:
    (run_dir / "stages.log").unlink(missing_ok=True)
    supervisor.start("stages", [*MANAGE, "worker", "stages", "--slots", str(slots)])


def _start(supervisor: Supervisor, run_dir: Path, base_url: str) -> None:
    for worker in ("control", "delivery"):
        (run_dir / f"{worker}.log").unlink(missing_ok=True)
    supervisor.start("web", web_command(base_url))
    supervisor.start("control", [*MANAGE, "worker", "control"])
    supervisor.start("delivery", [*MANAGE, "worker", "delivery"])
    supervisor.start(
        "beat",
        beat_command(run_dir / "beat-schedule"),
        ready=lambda: _all_ready(supervisor, base_url),
    )


def web_command(base_url: str) -> list[str]:
    """The web server of ``http://127.0.0.1:<port>``."""
    web = ["-m", "uvicorn", "iacplatform.asgi:application", "--host", LOOPBACK]
    port = base_url.rsplit(":", 1)[1]
    return [sys.executable, *web, "--port", port, "--no-access-log", *WEBSOCKETS]


def beat_command(schedule: Path) -> list[str]:
    """Beat, which remembers in ``schedule`` when it has sent what."""
    beat = ["-m", "celery", "-A", "iacplatform.celery", "beat", "--schedule"]
    return [sys.executable, *beat, str(schedule)]


def _all_ready(supervisor: Supervisor, base_url: str) -> bool:
    supervisor.check()
    workers = [child for child in supervisor.children if child.name in WORKERS]
    return all(is_ready(child.log) for child in workers) and answers(base_url)


def answers(base_url: str) -> bool:
    """Whether the web server is there and has all it needs."""
    try:
        return requests.get(f"{base_url}/health/ready", timeout=5).ok
    except requests.RequestException:
        return False


def is_ready(log: Path) -> bool:
    """Whether the worker with this log has said that it takes work."""
    return log.exists() and " ready." in log.read_text(errors="replace")

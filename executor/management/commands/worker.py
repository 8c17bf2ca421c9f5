"""``manage.py worker``: a Celery worker with the queues and the pool of its kind."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from executor.dispatch import host_queue, shared_queue
from iacplatform.celery import app
from workspaces.task_status import ExecutionMode

KINDS = ("stages", "control", "delivery")
SLOTS = {"stages": 8, "control": 2, "delivery": 16}


class Command(BaseCommand):
    """Runs stages of tasks (``stages``), the sweep and gates (``control``), or webhooks (``delivery``)."""

    help = "Run a worker: stages of tasks, control (sweep, gates) or delivery (webhooks)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("kinds", nargs="+", choices=KINDS, help="what this worker does")
        parser.add_argument(
            "--mode",
            choices=ExecutionMode.values,
            default=ExecutionMode.LOCAL,
            help="execution mode whose stages it runs (default: local)",
        )
        parser.add_argument(
            "--slots",
            type=int,
            default=0,
            help="how many at once (default: 8 stages, 2 control, 16 delivery)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Becomes the worker; returns when it was told to stop and its work has ended.

        Raises SystemExit with Celery's status where it ended by an error.
        """
        kinds: list[str] = options["kinds"]
        slots = options["slots"] or max(SLOTS[kind] for kind in kinds)
        queues = [queue for kind in kinds for queue in queues_of(kind, options["mode"])]
        app.amqp.queues.add(host_queue(options["mode"], settings.WORKER_HOST))  # with its expiry
        status: int | None = app.start(
            [
                "worker",
                f"--concurrency={slots}",
                f"--queues={','.join(queues)}",
                f"--hostname={'-'.join(kinds)}@{settings.WORKER_HOST}",
                "--without-gossip",
                "--without-mingle",
                f"--loglevel={settings.LOG_LEVEL}",
            ]
        )
        if status:
            sys.exit(status)


def queues_of(kind: str, mode: str) -> list[str]:
    """The queues of a kind of worker; a stage worker also has one that is only its host's."""
    if kind == "stages":
        return [shared_queue(mode).name, host_queue(mode, settings.WORKER_HOST).name]
    return [kind]

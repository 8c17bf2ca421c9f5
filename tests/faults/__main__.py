"""``python -m tests.faults``: the promise "nothing is lost and nothing runs twice", put to the test.

Without a command every fault of the table is done once; the last line is ``faults_survived=N/N``.
``-k REGEX`` chooses some by number (``#1 ``) or name. Logs stay where something failed.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import django
from rich.console import Console

from tests.faults.chaos import report, run_chaos
from tests.faults.cluster import Cluster, running_cluster
from tests.faults.control import self_check
from tests.faults.measures import run_measures
from tests.faults.registry import all_faults
from tests.faults.runner import Result, chosen, run_faults, table_of

SECONDS_A_MINUTE = 60
TERMINATED = 128 + signal.SIGTERM


def main() -> int:
    """Runs the command line; returns the exit status: 0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("-k", dest="expression", default="", metavar="REGEX")
    commands = parser.add_subparsers(dest="command")
    chaos = commands.add_parser("chaos", help="random faults at random moments")
    chaos.add_argument("--minutes", type=float, default=5.0)
    chaos.add_argument("--seed", type=int, default=random.randrange(10**6))
    commands.add_parser("measure", help="how long the platform takes")
    arguments = parser.parse_args()
    # Whoever ends this run ends the cluster with it: a worker alone would wait for PostgreSQL without end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    console = Console(width=None if sys.stdout.isatty() else 160)
    directory = scratch_directory()
    if arguments.command == "chaos":
        survived = run_random(directory, arguments.minutes, arguments.seed, console)
    elif arguments.command == "measure":
        survived = conclude(run_measures(directory, "", console), directory, console)
    else:
        survived = run_table(directory, arguments.expression, console)
    if survived:
        shutil.rmtree(directory)
    return 0 if survived else 1


def run_table(directory: Path, expression: str, console: Console) -> bool:
    """Does the faults that ``expression`` chooses; says whether all were survived.

    Raises ``Violation`` where the platform does not even work without a fault.
    """
    with running_cluster(directory) as cluster:
        use_django(cluster)
        self_check(cluster)
        results = run_faults(cluster, chosen(all_faults(), expression), console)
    results += run_measures(directory, expression, console)
    return conclude(results, directory, console)


def conclude(results: Sequence[Result], directory: Path, console: Console) -> bool:
    """Prints the table of all results and its last line; says whether every promise was kept."""
    console.print(table_of(results))
    survived = sum(not result.failure for result in results)
    if survived < len(results):
        console.print(f"Logs: {directory}")
    console.print(f"faults_survived={survived}/{len(results)}", highlight=False)
    return survived == len(results)


def run_random(directory: Path, minutes: float, seed: int, console: Console) -> bool:
    """Does random faults for so many minutes; says whether every invariant held."""
    console.print(f"chaos minutes={minutes:g} seed={seed}", highlight=False)
    with running_cluster(directory) as cluster:
        chaos = run_chaos(cluster, minutes * SECONDS_A_MINUTE, seed)
    if chaos.violations:
        console.print(f"Logs: {directory}")
    report(chaos, console)
    return not chaos.violations


def use_django(cluster: Cluster) -> None:
    """Lets this process call services of the platform, past the proxy of the database."""
    own = {
        "DJANGO_SETTINGS_MODULE": "iacplatform.settings.test",
        "DATABASE_URL": cluster.postgres.service.url,
    }
    os.environ.update(cluster.environment | own)
    django.setup()


def scratch_directory() -> Path:
    """A directory that other accounts may pass through: PostgreSQL's, when root runs this."""
    directory = Path(tempfile.mkdtemp(prefix="iacplatform-faults-"))
    directory.chmod(0o711)
    return directory


if __name__ == "__main__":
    sys.exit(main())

"""``python -m iacplatform.embedded``: the platform on this machine, from wheels alone."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from rich.console import Console

from iacplatform.embedded.bench import bench
from iacplatform.embedded.bench_api import bench_api
from iacplatform.embedded.demo import demo, up
from iacplatform.embedded.exceptions import EmbeddedError
from iacplatform.embedded.stack import PROJECT

WIDTH_OF_A_FILE = 100
COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "demo": (demo, "plan, approve and apply a real change, then stop"),
    "bench": (bench, "measure the platform against the bare engine"),
    "bench-api": (bench_api, "measure the most used requests in installations of three sizes"),
    "up": (up, "start everything and stay, with a plan waiting for approval"),
}


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m iacplatform.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, sentence) in COMMANDS.items():
        command = commands.add_parser(name, help=sentence, description=sentence)
        command.add_argument(
            "--run-dir",
            type=Path,
            default=PROJECT / ".run" / name,
            help="where data, logs and work directories are kept (default: .run/<command>)",
        )
        command.add_argument(
            "--port", type=int, default=8000 if name == "up" else 0, help="0: a free one"
        )
        if name == "bench-api":
            command.add_argument("--quick", action="store_true", help="two small ones, in a minute")
    return parser.parse_args()


def _stop(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Runs the command; 0 if it did what it says, 130 on Ctrl-C, 1 with the reason otherwise."""
    arguments = parse_arguments()
    width = None if sys.stdout.isatty() else WIDTH_OF_A_FILE
    console = Console(highlight=False, soft_wrap=True, width=width)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Of its own, because a shell starts what runs in its background with SIGINT ignored.
        signal.signal(number, _stop)
    options = vars(arguments)
    run, _ = COMMANDS[options.pop("command")]
    try:
        run(console, options.pop("run_dir"), options.pop("port"), **options)
    except KeyboardInterrupt:
        console.print("[yellow]Stopped.[/]")
        return 130 if run is demo else 0
    except EmbeddedError as error:
        console.print(f"[bold red]{error}[/]")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``manage.py runtask_sandbox``: a run task service to try run tasks with."""

import os
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from runtasks.sandbox.endpoints import ENDPOINTS
from runtasks.sandbox.server import SandboxOptions, SandboxServer

PORT = 18090
HMAC_KEY = "test-hmac-secret-key"
DELAY_SECONDS = 10.0


class Command(BaseCommand):
    """Answers webhooks as its addresses say, and lists on a page what came in. Needs no database."""

    help = "Run a run task service to try run tasks with; its page lists what came in."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
        parser.add_argument(
            "--port", type=int, default=PORT, help=f"0: a free one; default: {PORT}"
        )
        parser.add_argument(
            "--hmac-key",
            default=os.environ.get("HMAC_KEY", HMAC_KEY),
            help=f"checks signatures; empty: none; default: the variable HMAC_KEY, or {HMAC_KEY}",
        )
        parser.add_argument(
            "--callback-base-url",
            default=os.environ.get("CALLBACK_BASE_URL", ""),
            help="scheme and host by which the platform is reached from here, if not those of the "
            "webhook; default: the variable CALLBACK_BASE_URL",
        )
        parser.add_argument(
            "--delay",
            type=float,
            default=DELAY_SECONDS,
            help=f"seconds until /delayed-success passes; default: {DELAY_SECONDS:g}",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Serves until Ctrl-C."""
        server = _listen(options["host"], options["port"], _sandbox_options(options))
        address = f"http://{options['host']}:{server.server_port}"
        self.stdout.write(f"What comes in is listed at {address}/")
        for path, endpoint in ENDPOINTS.items():
            self.stdout.write(f"  {address}{path}  {endpoint.does}")
        self.stdout.flush()
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self.stdout.write("Stopped.")


def _sandbox_options(options: dict[str, Any]) -> SandboxOptions:
    base_url = options["callback_base_url"]
    if base_url and not _is_base_url(base_url):
        raise CommandError("--callback-base-url: give http:// or https:// and a host")
    if not options["delay"] >= 0:
        raise CommandError("--delay: give seconds, 0 or more")
    return SandboxOptions(options["hmac_key"], base_url, options["delay"])


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _listen(host: str, port: int, options: SandboxOptions) -> SandboxServer:
    try:
        return SandboxServer((host, port), options)
    except (OSError, OverflowError) as error:
        raise CommandError(f"--host {host} --port {port}: {error}") from None

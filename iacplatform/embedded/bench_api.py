"""``make bench-api``: the ten most used requests, in installations of three sizes at once.

Each size has a database and a web server of its own, and they are asked in turn, so that whatever else the
machine does slows all of them alike. Growth is p95 in the largest over p95 in the smallest.
"""

import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests
from psycopg import sql
from rich.console import Console
from rich.table import Table

from iacplatform.embedded.demo import announce
from iacplatform.embedded.exceptions import ChildFailedError, DemoFailedError
from iacplatform.embedded.processes import Supervisor, wait_until_ready
from iacplatform.embedded.query_count import HEADER
from iacplatform.embedded.services import embedded_services
from iacplatform.embedded.stack import (
    LOOPBACK,
    MANAGE,
    answers,
    free_port,
    installation_secrets,
    platform_environment,
    web_command,
)

WARM_UP = 10
EMPTY = "bench_api_empty"
"""The database that the others begin as copies of."""
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    workspaces: tuple[int, ...]
    requests: int


WHOLE = Extent((100, 10_000, 100_000), 200)
QUICK = Extent((100, 1_000), 20)
# Finds more the larger the installation is: one workspace in a hundred. So its answers cannot be compared.
GROWING_SEARCH = "/workspaces?search={common}"
ENDPOINTS = (
    "/workspaces",
    "/workspaces?search={search}",
    GROWING_SEARCH,
    "/workspaces/{workspace}",
    "/workspaces/{workspace}/overview",
    "/workspaces/{workspace}/tasks",
    "/workspaces/{workspace}/tasks/{task}",
    "/tasks/{task}/logs",
    "/workspaces/{workspace}/variables",
    "/workspaces/{workspace}/state-versions",
    "/workspaces/{workspace}/tasks/{task}/resource-changes",
)


@dataclass
class Measured:
    """What one request took in an installation of one size."""

    is_list: bool = False
    milliseconds: list[float] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """What 95 of a hundred stay below, in milliseconds."""
        return statistics.quantiles(self.milliseconds, n=20)[18]


@dataclass
class Installation:
    """A web server on a database of one size, and what was measured there."""

    workspaces: int
    base_url: str
    known: dict[str, Any]
    session: requests.Session = field(default_factory=requests.Session)
    measured: dict[str, Measured] = field(
        default_factory=lambda: {endpoint: Measured() for endpoint in ENDPOINTS}
    )

    def ask(self, endpoint: str) -> None:
        """Makes one request and notes what it took; raises ``DemoFailedError`` if it fails."""
        url = f"{self.base_url}/api/v1{endpoint.format(**self.known)}"
        headers = {"Authorization": f"Bearer {self.known['token']}"}
        begin = time.perf_counter()
        response = self.session.get(url, headers=headers, timeout=TIMEOUT_SECONDS)
        elapsed = time.perf_counter() - begin
        if not response.ok:
            raise DemoFailedError(f"GET {url}: {response.status_code} {response.text[:500]}")
        measured = self.measured[endpoint]
        measured.is_list = "page_size" in response.json()
        measured.milliseconds.append(elapsed * 1000)
        measured.queries.append(response.headers[HEADER])


def bench_api(console: Console, run_dir: Path, port: int, *, quick: bool = False) -> None:
    """Prints p50, p95 and queries of each request at each size, and the growth of the lists."""
    console.rule("iacplatform bench-api")
    extent = QUICK if quick else WHOLE
    with ExitStack() as stack:
        with announce(console, "PostgreSQL and Redis"):
            addresses = stack.enter_context(embedded_services(run_dir, durable=False))
        with announce(console, "An empty database"):
            empty = stack.enter_context(_database(addresses["DATABASE_URL"], EMPTY))
            _manage(_environment(run_dir, addresses | {"DATABASE_URL": empty}), "migrate")
        installations = [
            stack.enter_context(
                _installation(console, run_dir, addresses, count, port and port + index)
            )
            for index, count in enumerate(extent.workspaces)
        ]
        with announce(console, f"{extent.requests} requests of each kind to each"):
            _measure(installations, extent.requests)
    console.print(_table(installations))
    growths = _list_growths(installations)
    console.print(f"growing_search_p95_growth={growths.pop(GROWING_SEARCH):.2f}")
    console.print(f"list_p95_growth={max(growths.values()):.2f}")


@contextmanager
def _installation(
    console: Console, run_dir: Path, addresses: dict[str, str], count: int, port: int
) -> Iterator[Installation]:
    """A filled database and its web server, which are gone afterwards."""
    directory = run_dir / f"{count}-workspaces"
    directory.mkdir(mode=0o711, exist_ok=True)
    base_url = f"http://{LOOPBACK}:{port or free_port()}"
    name = f"bench_api_{count}"
    with _database(addresses["DATABASE_URL"], name, template=EMPTY) as database_url:
        own = addresses | {"DATABASE_URL": database_url, "BASE_URL": base_url}
        environment = _environment(run_dir, own)
        with Supervisor(directory, environment) as supervisor:
            with announce(console, f"{count:,} workspaces with {count * 10:,} tasks, a web server"):
                filled = _manage(environment, "fill_for_bench", "--workspaces", str(count))
                web = supervisor.start("web", web_command(base_url))
                wait_until_ready(web, lambda: answers(base_url))
            yield Installation(count, base_url, json.loads(filled))


@contextmanager
def _database(url: str, name: str, template: str = "template1") -> Iterator[str]:
    """A database beside the one in ``url``, which is gone afterwards."""
    new, old = sql.Identifier(name), sql.Identifier(template)
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(new)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(new, old))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(drop)


def _environment(run_dir: Path, own: dict[str, str]) -> dict[str, str]:
    known = installation_secrets(run_dir / "secrets.json")
    common = platform_environment(run_dir, own.get("BASE_URL", ""), known)
    return {**os.environ, **common, **own, "DJANGO_SETTINGS_MODULE": "iacplatform.settings.bench"}


def _manage(environment: dict[str, str], *words: str) -> str:
    result = subprocess.run(
        [*MANAGE, *words], env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise ChildFailedError(f"{words[0]} failed:\n{result.stderr[-2000:]}")
    return result.stdout


def _measure(installations: list[Installation], count: int) -> None:
    """Asks them in turn, another one first each time; the first answers of each are not counted."""
    for number in range(WARM_UP + count):
        first = number % len(installations)
        for endpoint in ENDPOINTS:
            for installation in installations[first:] + installations[:first]:
                installation.ask(endpoint)
    for installation in installations:
        for measured in installation.measured.values():
            del measured.milliseconds[:WARM_UP], measured.queries[:WARM_UP]


def _table(installations: list[Installation]) -> Table:
    """A line for each request and size, so that the table is no wider than a terminal."""
    columns = ["GET /api/v1", "Workspaces", "Queries", "p50 ms", "p95 ms", "Growth"]
    table = Table(*columns, title="The most used requests")
    for endpoint in ENDPOINTS:
        smallest = installations[0].measured[endpoint]
        for each in installations:
            result = each.measured[endpoint]
            table.add_row(
                endpoint if each is installations[0] else "",
                f"{each.workspaces:,}",
                "-".join(sorted(set(result.queries), key=int)),
                f"{result.p50:.1f}",
                f"{result.p95:.1f}",
                f"{result.p95 / smallest.p95:.2f}",
                end_section=each is installations[-1],
            )
    return table


def _list_growths(installations: list[Installation]) -> dict[str, float]:
    smallest, largest = installations[0].measured, installations[-1].measured
    return {
        endpoint: largest[endpoint].p95 / smallest[endpoint].p95
        for endpoint in ENDPOINTS
        if largest[endpoint].is_list
    }

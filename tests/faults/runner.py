"""Runs faults, some of them at the same time, and shows what became of them."""

import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.faults.cluster import Cluster
from tests.faults.registry import Fault, Stopwatch
from tests.faults.waiting import Violation

HARMLESS = "harmless"
AT_ONCE = 3
"""Harmless rows at the same time: what two processors take."""


@dataclass(frozen=True)
class Result:
    """A row of the table with its end; ``seconds`` to recovery, ``None`` where there is nothing to recover."""

    fault: Fault
    failure: str
    seconds: float | None
    took: float

    @property
    def outcome(self) -> str:
        """In a word."""
        return "failed" if self.failure else "survived"


def chosen(faults: Sequence[Fault], expression: str) -> list[Fault]:
    """The faults whose number or name the regular expression matches."""
    pattern = re.compile(expression, re.IGNORECASE)
    return [fault for fault in faults if pattern.search(fault.title)]


def batches(faults: Sequence[Fault]) -> list[list[Fault]]:
    """What is done at the same time: the harmless ones; then each group; each of the rest alone."""
    found: dict[str, list[Fault]] = {HARMLESS: []}
    for place, fault in enumerate(faults):
        name = HARMLESS if fault.harmless else fault.group or f"alone {place}"
        found.setdefault(name, []).append(fault)
    return [batch for batch in found.values() if batch]


def run_faults(cluster: Cluster, faults: Sequence[Fault], console: Console) -> list[Result]:
    """Does them all; prints a line for each as soon as it is over; returns them in their order."""
    results: dict[str, Result] = {}
    for batch in batches(faults):
        for result in _run_batch(cluster, batch):
            results[result.fault.title] = result
            _print(console, f"{len(results)}/{len(faults)}", result)
        # Everything that is still away comes back.
        if healing := _failure(cluster.directory, batch[-1].title, cluster.heal):
            console.print(f"    [red]the platform does not come back:[/] {escape(healing)}")
            for fault in batch:
                results[fault.title] = replace(results[fault.title], failure=healing)
    return [results[fault.title] for fault in faults]


def _print(console: Console, place: str, result: Result) -> None:
    seconds = "" if result.seconds is None else f"{result.seconds:.1f} s to recovery, "
    mark = "[red]failed[/]" if result.failure else "[green]survived[/]"
    title = escape(result.fault.title)
    console.print(f"{place} {title}: {mark} ({seconds}{result.took:.1f} s in all)")
    if result.failure:
        console.print(f"    {escape(result.failure)}", highlight=False)


def _run_batch(cluster: Cluster, batch: Sequence[Fault]) -> Iterator[Result]:
    together = threading.Barrier(len(batch))
    with ThreadPoolExecutor(AT_ONCE if batch[0].harmless else len(batch)) as pool:
        rows = [pool.submit(_run, cluster, fault, Stopwatch(together)) for fault in batch]
        yield from (row.result() for row in as_completed(rows))


def _run(cluster: Cluster, fault: Fault, watch: Stopwatch) -> Result:
    started = time.monotonic()
    failure = _failure(cluster.directory, fault.title, lambda: fault.inject(cluster, watch))
    if failure:
        watch.give_up()
    return Result(fault, failure, watch.seconds, time.monotonic() - started)


def _failure(directory: Path, title: str, act: Callable[[], object]) -> str:
    """Why ``act`` failed, in a line; the whole of it is in ``failures.log``."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other faults are still to be done
        with (directory / "failures.log").open("a") as log:
            log.write(f"--- {title}\n{traceback.format_exc()}\n")
        return str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
    return ""


def table_of(results: Sequence[Result]) -> Table:
    """All results: fault, promise, outcome, seconds to recovery."""
    table = Table("#", "Fault", "Promise", "Outcome", "Seconds")
    for result in results:
        fault = result.fault
        colour = "red" if result.failure else "green"
        seconds = "" if result.seconds is None else f"{result.seconds:.1f}"
        outcome = f"[{colour}]{result.outcome}[/]"
        table.add_row(fault.number, escape(fault.name), escape(fault.promise), outcome, seconds)
    return table

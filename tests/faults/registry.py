"""The table of faults: each is a function that does it and looks at what becomes of it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from tests.faults.cluster import Cluster
from tests.faults.waiting import Violation

MEET_SECONDS = 120.0


class Stopwatch:
    """How long the platform took: from the fault until all was settled."""

    def __init__(self, together: threading.Barrier) -> None:
        """``together`` is where the rows of a group wait for each other."""
        self.seconds: float | None = None
        self._hit_at = time.monotonic()
        self._together = together

    def hit(self) -> None:
        """The fault happens now."""
        self._hit_at = time.monotonic()

    def hit_together(self, act: Callable[[], object]) -> None:
        """The fault is ``act``: it happens when all rows of the group have come so far."""
        first = self._meet()
        self.hit()
        if first:
            act()
        self._meet()

    def together(self, act: Callable[[], object]) -> None:
        """Waits until all rows of the group have come so far; then one of them does ``act``."""
        if self._meet():
            act()
        self._meet()

    def _meet(self) -> bool:
        """Says whether this row is the first."""
        try:
            return self._together.wait(MEET_SECONDS) == 0
        except threading.BrokenBarrierError:
            raise Violation("another row of its group has not come so far") from None

    def over(self) -> float:
        """All is settled; returns the seconds since the fault."""
        self.seconds = time.monotonic() - self._hit_at
        return self.seconds

    def give_up(self) -> None:
        """Lets nobody wait for this row."""
        self._together.abort()


Inject = Callable[[Cluster, Stopwatch], None]


@dataclass(frozen=True)
class Fault:
    """A row: ``number`` as in the list of faults, what is done, what is promised.

    ``inject`` raises where the promise is not kept. Rows of one ``group`` are hit by one and the same
    blow; rows that are ``harmless`` to the tasks of others are done several at a time.
    """

    number: str
    name: str
    promise: str
    inject: Inject
    group: str = ""
    harmless: bool = False

    @property
    def title(self) -> str:
        """How it is called, and chosen by ``-k``."""
        return f"#{self.number} {self.name}"


MODULES = (
    "workers",
    "drains",
    "redis_faults",
    "postgres_faults",
    "messages",
    "beats",
    "cancels",
    "races",
    "engines",
    "gate_faults",
    "hosts",
    "disks",
    "deploys",
    "states",
    "viewers",
    "control",
    "chaos",
)
_faults: list[Fault] = []


def fault(
    number: str, name: str, promise: str, *, group: str = "", harmless: bool = False
) -> Callable[[Inject], Inject]:
    """Adds a function to the table."""

    def add(inject: Inject) -> Inject:
        _faults.append(Fault(number, name, promise, inject, group, harmless))
        return inject

    return add


def all_faults() -> list[Fault]:
    """The table; needs Django to be set up."""
    for name in MODULES:
        import_module(f"tests.faults.{name}")
    return sorted(_faults, key=lambda each: _order(each.number))


def _order(number: str) -> tuple[int, str]:
    return int("".join(letter for letter in number if letter.isdecimal())), number

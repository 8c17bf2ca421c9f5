"""The parts of a task that a worker finishes before it stops (reference §3.7)."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class CriticalSections:
    """Counts by task and name who is inside; to be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: Counter[tuple[int, str]] = Counter()

    @contextmanager
    def enter(self, task_id: int, name: str) -> Iterator[None]:
        """Is inside while the block runs, however that ends."""
        with self._lock:
            self._inside[task_id, name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[task_id, name] -= 1
                self._inside += Counter()  # drops what has come down to zero

    def inside(self, task_id: int) -> tuple[str, ...]:
        """Returns the names of the sections that a task is in, in alphabetical order."""
        with self._lock:
            return tuple(sorted(name for task, name in self._inside if task == task_id))


critical_sections = CriticalSections()
"""Those of this process."""

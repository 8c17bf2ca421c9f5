"""Viewers of a log whose web server dies."""

from collections.abc import Iterator

from websockets.exceptions import WebSocketException

from tests.faults.cluster import Cluster
from tests.faults.engines import log_of
from tests.faults.invariants import Expected, verify
from tests.faults.places import APPLYING, made_at_all, met_in
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject
from tests.faults.waiting import demand

LINES = frozenset({"output", "error", "stage_marker"})


@fault(
    "30",
    "web server killed while a log is streamed",
    "the viewer goes on: no line missing or twice",
)
def web_killed(cluster: Cluster, watch: Stopwatch) -> None:
    """It goes on at the server's next start, behind the last line it has."""
    web = cluster.processes["web"]
    subject = met_in(cluster, APPLYING)
    seen: list[tuple[int, str]] = []
    watching = _lines(subject, after=0)
    while not any("local-exec" in line for _, line in seen):
        seen.append(next(watching))
    watch.hit()
    web.kill()
    try:
        seen.extend(watching)
    except (WebSocketException, OSError):
        pass
    else:
        demand(False, "the stream did not break: nothing was tested")
    web.start()
    web.wait()
    seen.extend(_lines(subject, after=seen[-1][0]))
    watch.over()
    demand(
        [number for number, _ in seen] == list(range(1, len(seen) + 1)),
        "lines are missing or twice",
    )
    demand([line for _, line in seen] == log_of(subject).splitlines(), "the viewer saw another log")
    verify(subject, Expected("applied", resources=made_at_all(APPLYING), applies=1))


def _lines(subject: Subject, *, after: int) -> Iterator[tuple[int, str]]:
    """The numbered lines of a task's live stream; ends with the task."""
    for message in subject.cluster.client.stream(subject.task_id, offset=after):
        if message["type"] in LINES:
            yield message["line_num"], message["line"]

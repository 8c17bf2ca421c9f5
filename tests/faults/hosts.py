"""Hosts that go for good, come back with a spoiled directory, sleep, or are poisoned."""

import shutil
import signal
import time
from pathlib import Path

from tests.faults.cluster import Cluster
from tests.faults.configurations import journaled
from tests.faults.invariants import Expected, verify
from tests.faults.places import ALL, APPLYING, HELD_APPLYING, made_at_all, met_in, owner_of
from tests.faults.registry import Stopwatch, fault
from tests.faults.subjects import Subject, new_workspace, start_task
from tests.faults.waiting import demand, until

CHECKPOINT_SECONDS = 1.5
"""A checkpoint is at most a second old; half a second for a busy machine."""
DOUBTFUL = "may not be whole"
LEASE_SECONDS = 4.0


@fault(
    "20", "host gone for good in applying", "state of the last second's checkpoint; locked, said"
)
def host_removed(cluster: Cluster, watch: Stopwatch) -> None:
    """The worker is killed, its disk is gone, and it does not come back."""
    subject = met_in(cluster, APPLYING)
    subject.wait_made(6)
    worker = owner_of(subject, APPLYING)
    made = made_before(subject, time.time() - CHECKPOINT_SECONDS)
    watch.hit()
    worker.kill()
    shutil.rmtree(cluster.work_root(worker.name), ignore_errors=True)
    subject.wait_end()
    watch.over()
    late = frozenset(subject.made()) - made
    verify(subject, Expected("failed", lock=DOUBTFUL, may_lack=late, applies=1))
    resolve(subject)
    verify(subject, Expected("failed", may_lack=late, applies=1))


@fault("21", "spoiled state files on the host that comes back", "refused: the checkpoint counts")
def spoiled_states(cluster: Cluster, watch: Stopwatch) -> None:
    """Empty, torn, of another lineage, and older than the checkpoint."""
    subjects = [met_in(cluster, HELD_APPLYING) for _ in SPOILERS]
    owners = {owner_of(subject, HELD_APPLYING).name for subject in subjects}
    # Without any checkpoint the files could not be told from good ones.
    time.sleep(CHECKPOINT_SECONDS)
    before = time.time() - CHECKPOINT_SECONDS
    made = {subject.task_id: made_before(subject, before) for subject in subjects}
    watch.hit()
    for host in owners:
        cluster.processes[host].kill()
    until(lambda: not any(each.engines() for each in subjects), "the engines have stopped")
    for subject, spoil in zip(subjects, SPOILERS, strict=True):
        spoil(subject.directories()[0] / "terraform.tfstate")
    for host in owners:
        cluster.processes[host].start()
    for subject in subjects:
        subject.wait_end()
    watch.over()
    for subject in subjects:
        late = frozenset(subject.made()) - made[subject.task_id]
        verify(subject, Expected("failed", lock=DOUBTFUL, may_lack=late, applies=1, directory=True))
        resolve(subject)


def _empty(state: Path) -> None:
    state.write_bytes(b"")


def _tear(state: Path) -> None:
    content = state.read_bytes()
    state.write_bytes(content[: len(content) // 2])


def _exchange(state: Path) -> None:
    content = state.read_text()
    lineage = content.partition('"lineage": "')[2].partition('"')[0]
    state.write_text(content.replace(lineage, "00000000-0000-0000-0000-000000000000"))


def _age(state: Path) -> None:
    content = state.read_text()
    serial = content.partition('"serial": ')[2].partition(",")[0]
    state.write_text(content.replace(f'"serial": {serial}', '"serial": 1'))


SPOILERS = (_empty, _tear, _exchange, _age)


@fault("22", "worker asleep for longer than its lease", "one apply; the whole state is saved")
def asleep(cluster: Cluster, watch: Stopwatch) -> None:
    """It wakes up while its host is still waited for."""
    _sleep(cluster, watch, LEASE_SECONDS + 2)


@fault("22", "worker asleep until its task was given up", "one apply; the whole state is saved")
def asleep_too_long(cluster: Cluster, watch: Stopwatch) -> None:
    """Another host has settled the task from a checkpoint; the sleeper brings the rest."""
    _sleep(cluster, watch, LEASE_SECONDS * 4)


def _sleep(cluster: Cluster, watch: Stopwatch, seconds: float) -> None:
    subject = met_in(cluster, APPLYING)
    worker = owner_of(subject, APPLYING)
    worker.send(signal.SIGSTOP)
    time.sleep(seconds)
    watch.hit()
    worker.send(signal.SIGCONT)
    subject.wait_end()
    until(lambda: not subject.is_locked(), f"{subject} leaves its workspace unlocked")
    watch.over()
    verify(subject, Expected("failed", resources=made_at_all(APPLYING), applies=1))


@fault("26", "a task that kills each worker that plans it", "given up; the others are served")
def poisoned(cluster: Cluster, watch: Stopwatch) -> None:
    """With a retry more than one, so that both hosts are hit."""
    workspace_id = new_workspace(cluster, max_retries=1)
    cluster.points.set("poison", "plan.planning.after", workspace_id)
    watch.hit()
    subject = start_task(cluster, workspace_id)
    other = start_task(cluster, new_workspace(cluster, journaled(cluster.directory)))
    until(lambda: cluster.revive() and subject.has_ended(), f"{subject} is given up")
    watch.over()
    row = subject.stage("plan", "planning")
    demand(row and row.attempts == 2, f"it was tried {row and row.attempts} times")
    verify(subject, Expected("failed", applies=0))
    until(lambda: cluster.revive() and other.has_ended(), f"{other} has ended")
    verify(other, Expected("applied", resources=ALL, applies=1))


def made_before(subject: Subject, moment: float) -> frozenset[str]:
    """The resources that a task had made at a moment, which its checkpoint knows a second later."""
    entries = subject.cluster.journal.entries(task=subject.task_id)
    return frozenset(each.what for each in entries if each.event == "made" and each.time < moment)


def resolve(subject: Subject) -> None:
    """Does what an operator does who has looked at an interrupted apply."""
    subject.cluster.client.post(f"{subject.path}/resolve-interruption", {"comment": "seen"})
    demand(not subject.is_locked(), f"{subject} still locks its workspace")

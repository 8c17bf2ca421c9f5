"""People who use the platform all the time, each of them one workspace, whatever happens to it."""

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from iacplatform.embedded.client import PlatformClient
from tests.faults.cluster import Cluster
from tests.faults.configurations import journaled
from tests.faults.subjects import new_workspace
from workspaces.task_status import FINAL, TaskStatus, TaskType

PAUSE_SECONDS = (0.3, 1.5)
MOST_LIVE = 3
RESOURCES, LINES, LINE_SECONDS = 5, 3, 0.15
"""What a change adds: it takes two seconds."""
GATES = ("post_plan_run_tasks", "pre_apply_run_tasks", "post_apply_run_tasks")
GATED = 3
"""Every third workspace has a gate that is sometimes closed."""


class Person:
    """Somebody with a workspace: creates tasks, approves, cancels, sees to locks.

    Each change adds resources, so that whatever was ever made has to be in the newest state.
    """

    def __init__(self, cluster: Cluster, number: int, seed: int) -> None:
        self._cluster = cluster
        self._chance = random.Random(f"{seed} {number}")
        self._gate = self._chance.choice(GATES) if number % GATED == 0 else ""
        self._changes = 0
        self.answers: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.workspace_id = new_workspace(
            cluster,
            auto_apply=number % 2 == 0,
            max_retries=10,
            tags=[f"hold:{self._gate}"] if self._gate else [],
        )
        # A session of its own: it is used by one thread.
        self._client = PlatformClient(cluster.client.base_url, cluster.client._token)

    def work(self, over: threading.Event) -> None:
        """Does one thing after the other until it is ``over``."""
        while not over.wait(self._chance.uniform(*PAUSE_SECONDS)):
            self._take_note(self._turn)

    def settle(self) -> None:
        """Does what only a person can do: approves what waits, sees to a lock."""
        for act in (self._approve, self._see_to_lock):
            self._take_note(act)

    def _take_note(self, act: Callable[[], None]) -> None:
        try:
            act()
        except requests.HTTPError as error:
            self.answers[str(error.response.status_code)] += 1
            if error.response.status_code == requests.codes.internal_server_error:
                self.complaints.append(str(error))
        except requests.RequestException:
            self.answers["none"] += 1

    def _turn(self) -> None:
        self._move_gate()
        roll = self._chance.random()
        live = self._live()
        queued = [task for task in live if task["status"] == TaskStatus.PENDING]
        if live and roll < 0.1:
            self._cancel(self._chance.choice(live))
        elif len(queued) > 1 and roll < 0.3:
            self._act(queued[0], "cancel-previous")
        elif len(live) < MOST_LIVE and roll < 0.7:
            self._start()
        else:
            self.settle()

    def _live(self) -> list[dict[str, Any]]:
        """Tasks that have not ended, newest first."""
        tasks = self._client.get(f"/workspaces/{self.workspace_id}/tasks")["items"]
        return [task for task in tasks if task["status"] not in FINAL]

    def _start(self) -> None:
        task_type = TaskType.PLAN_ONLY
        if self._chance.random() < 0.7:
            task_type = TaskType.PLAN_AND_APPLY
            self._change()
        path = f"/workspaces/{self.workspace_id}/tasks"
        self._client.post(path, {"run_type": str(task_type)})
        self.answers["created"] += 1

    def _change(self) -> None:
        resources = RESOURCES * (self._changes + 1)
        directory = self._cluster.directory
        code = journaled(directory, resources=resources, lines=LINES, pause=LINE_SECONDS)
        self._client.patch(f"/workspaces/{self.workspace_id}", {"tf_code": code})
        self._changes += 1

    def _cancel(self, task: dict[str, Any]) -> None:
        force = self._chance.random() < 0.5
        self._act(task, "cancel", {"reason": "changed my mind", "force": force})

    def _approve(self) -> None:
        for task in self._live():
            if task["status"] == TaskStatus.APPLY_PENDING:
                self._act(task, "confirm-apply")

    def _see_to_lock(self) -> None:
        workspace = self._client.get(f"/workspaces/{self.workspace_id}")
        if not workspace["lock_kept"]:
            return None
        if not workspace["lock_reason"]:
            self.complaints.append(f"{self.workspace_id} is locked without a reason")
        task = {"id": workspace["lock_task_id"]}
        # It is refused where nothing was interrupted, or where the state has to be saved first.
        with contextlib.suppress(requests.HTTPError):
            return self._act(task, "resolve-interruption", {"comment": "looked at it"})
        return self._act(task, "retry-state-save")

    def _act(self, task: dict[str, Any], verb: str, body: dict[str, Any] | None = None) -> None:
        self._client.post(f"/workspaces/{self.workspace_id}/tasks/{task['id']}/{verb}", body)
        self.answers[verb] += 1

    def _move_gate(self) -> None:
        if not self._gate:
            return
        points = self._cluster.points
        move = points.set if self._chance.random() < 0.4 else points.clear
        move("hold", f"gate.{self._gate}", self.workspace_id)

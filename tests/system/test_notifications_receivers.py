"""Receivers that are away, hang or come back, and workers that are killed meanwhile."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from executor.management.commands.worker import SLOTS
from tests.iacplatform.common.outbox.door import Door, door_to
from tests.notifications.mail_server import running_mail_server
from tests.system.configurations import resources
from tests.system.notifications import Receiver, logs, receiver, tell
from tests.system.platform import wait_until
from tests.system.run_task_service import Exchange, RunTaskService, accepts
from tests.system.run_tasks import RunTaskPlatform

DELIVERY_SLOTS = SLOTS["delivery"]

pytestmark = pytest.mark.timeout(300)
ONE = resources(one="1")
APPLIED = ["task_created", "task_planning", "task_planned", "task_applying", "task_completed"]
PLANNED = ["task_created", "task_planning", "task_planned"]


def behind(
    door: Door, platform: RunTaskPlatform, service: RunTaskService, **fields: int
) -> Receiver:
    """A receiver that is away while the door is shut."""
    told = receiver(platform, service, accepts, **fields)
    url = f"http://127.0.0.1:{door.port}/{told.name}"
    platform.client.patch(f"/notifications/{told.notification_id}", {"endpoint_url": url})
    return told


def outlive_an_outage(
    platform: RunTaskPlatform, service: RunTaskService, *, seconds: float, **retries: int
) -> None:
    """Lets a task live while its receiver is away for so long; all is told when it is back."""
    with door_to("127.0.0.1", int(service.url.rpartition(":")[2])) as door:
        told = behind(door, platform, service, **retries)
        door.shut()
        workspace = platform.workspace(ONE, auto_apply=True)
        task = tell(workspace, told.notification_id).start()
        began = time.monotonic()
        assert task.wait() == "applied"
        assert time.monotonic() - began < 30
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        assert told.events(task) == []
        assert {log["status"] for log in logs(task)} <= {"pending", "sending"}
        door.open()
        wait_until(lambda: len(told.hooks(task)) >= len(APPLIED), "all arrive", 120)
        # The door stays open until the last answer is back.
        platform.until(
            lambda: {log["status"] for log in logs(task)} == {"success"}, "all are logged"
        )

    assert told.events(task) == APPLIED
    first, *others = logs(task)
    assert first["retry_count"] > 0
    assert {log["retry_count"] for log in others} == {0}


def test_nothing_is_lost_while_a_receiver_is_away(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """H5: the order is kept, and the task does not wait for it."""
    outlive_an_outage(
        run_task_platform, service, seconds=5, retry_count=10, retry_interval_seconds=2
    )


@pytest.mark.long
def test_nothing_is_lost_while_a_receiver_is_away_for_a_hundred_seconds(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """H5: the real time, with retries that last for two and a half minutes."""
    outlive_an_outage(
        run_task_platform, service, seconds=100, retry_count=10, retry_interval_seconds=15
    )


def test_what_the_retries_do_not_outlast_is_given_up_shown_and_replayed(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """M4: the default of three retries, with a second between them instead of thirty."""
    with door_to("127.0.0.1", int(service.url.rpartition(":")[2])) as door:
        told = behind(door, run_task_platform, service, retry_count=3)
        door.shut()
        workspace = tell(run_task_platform.workspace(ONE), told.notification_id)
        task = workspace.run("plan_only")
        wait_until(lambda: len(logs(task, status="failed")) == len(PLANNED), "all are given up")
        for log in logs(task):
            assert (log["retry_count"], log["max_retry_count"]) == (3, 3)
            assert "broke the connection off" in log["error_message"]
            assert log["next_retry_at"] is None
        door.open()
        for log in logs(task):
            workspace.post(f"/notification-logs/{log['log_id']}/replay")
        told.told_of(task, PLANNED)
        # The door stays open until the last answer is back.
        run_task_platform.until(
            lambda: len(logs(task, status="success")) == len(PLANNED), "all are logged"
        )


def test_a_worker_that_is_killed_amid_deliveries_loses_nothing(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """H2: what was sent twice says that it is the same, and the order of each task is kept."""
    platform = run_task_platform
    killed = threading.Event()

    def waits_for_the_kill(exchange: Exchange) -> None:
        killed.wait(timeout=60)
        exchange.answer()

    told = receiver(platform, service, waits_for_the_kill)
    workspace = tell(platform.workspace(ONE), told.notification_id)
    tasks = [workspace.start("plan_only") for _ in range(4)]
    for task in tasks:
        task.wait()
    wait_until(lambda: len(service.received(told.name)) >= len(tasks), "messages are on their way")
    platform.kill_delivery()
    killed.set()
    # The lease of what was on its way is two minutes and a half: it ends now.
    platform.sql(
        "UPDATE common_outboxentry SET next_attempt_at = now() WHERE status = 'delivering'"
    )
    platform.start_delivery()

    for task in tasks:
        wait_until(lambda task=task: set(told.events(task)) == set(PLANNED), "all arrive")
        events = Counter(told.events(task))
        assert events["task_planning"] == events["task_planned"] == 1
        assert sorted(told.events(task), key=PLANNED.index) == told.events(task)
        deliveries = {hook.headers["X-IaC-Delivery"] for hook in told.hooks(task)}
        assert len(deliveries) == len(PLANNED)


def test_hundreds_at_once_wait_for_workers_and_no_task_for_them(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    """M3: 500 messages and more to receivers that hang; the workers are bounded, the tasks end."""
    platform = run_task_platform
    receivers, task_count = 56, 3
    over, lock, at_once = threading.Event(), threading.Lock(), [0, 0]

    def hangs(exchange: Exchange) -> None:
        with lock:
            at_once[0] += 1
            at_once[1] = max(at_once)
        over.wait(timeout=100)
        with lock:
            at_once[0] -= 1
        exchange.answer()

    with ThreadPoolExecutor(4) as pool:
        told = list(
            pool.map(
                lambda _: receiver(platform, service, hangs, timeout_seconds=120),
                range(receivers),
            )
        )
    workspace = tell(platform.workspace(ONE), *(each.notification_id for each in told))
    tasks = [workspace.start("plan_only") for _ in range(task_count)]
    for task in tasks:
        assert task.wait() == "success"
    messages = receivers * task_count * len(PLANNED)
    assert messages > 500
    wait_until(lambda: at_once[0] == DELIVERY_SLOTS, "every slot is at work")
    found = workspace.get("/notification-logs", status="success")
    assert found["total"] == 0

    over.set()

    wait_until(
        lambda: workspace.get("/notification-logs", status="success")["total"] == messages,
        "all messages are accepted",
        120,
    )
    assert at_once[1] == DELIVERY_SLOTS
    for each in told:
        for task in tasks:
            assert each.events(task) == PLANNED


def test_mail_reaches_a_mail_server(
    run_task_platform: RunTaskPlatform, service: RunTaskService
) -> None:
    platform = run_task_platform
    with running_mail_server() as server:
        environment = platform.stack.supervisor.environment
        environment |= {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(server.port)}
        platform.kill_delivery()
        platform.start_delivery()
        body = {
            "name": f"mail-{time.time_ns()}",
            "notification_type": "email",
            "recipients": ["ops@example.com", "ada@example.com"],
        }
        mail = platform.client.post("/notifications", body)
        workspace = tell(platform.workspace(ONE, auto_apply=True), mail["notification_id"])
        task = workspace.start()
        assert task.wait() == "applied"
        wait_until(lambda: len(server.mails) == len(APPLIED), "all mails arrive")
    environment["EMAIL_HOST"] = ""

    subjects = [mail.message["Subject"] for mail in server.mails]
    assert f"Task Completed: {workspace.get()['name']} #{task.task_id}" in subjects[-1]
    assert {tuple(mail.recipients) for mail in server.mails} == {
        ("ops@example.com", "ada@example.com")
    }

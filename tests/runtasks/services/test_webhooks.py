"""Webhooks over real sockets: what is sent, and what becomes of what is not accepted."""

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from iacplatform.common.models import OutboxEntry
from iacplatform.common.outbox.claims import claim_next
from runtasks.models import RunTask, RunTaskResult
from tests.domain import a_running_task
from tests.runtasks.answers import answer
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.factories import NOWHERE, attach, reach, result_of, waiting_task
from tests.runtasks.service import Reply, Request, Service
from workspaces.models import TaskStage, WorkspaceTask

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "a key that only the two of us know"


def states(task: WorkspaceTask) -> dict[str, str]:
    rows = RunTaskResult.objects.filter(task=task)
    return dict(rows.values_list("run_task_name", "status"))


def status_of(task: WorkspaceTask) -> str:
    task.refresh_from_db()
    return task.status


def stored_bytes(table: str) -> list[bytes]:
    """Every cell of a table, as it lies in the database."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
        cells = [cell for row in cursor.fetchall() for cell in row]
    return [bytes(c) if isinstance(c, memoryview | bytes) else str(c).encode() for c in cells]


def passes(hook: dict[str, Any]) -> int:
    """Says to the callback of a webhook that all is well."""
    body = {"data": {"type": "task-results", "attributes": {"status": "passed"}}}
    headers = {"Authorization": f"Bearer {hook['access_token']}"}
    return requests.patch(
        hook["task_result_callback_url"], json=body, headers=headers, timeout=10
    ).status_code


def test_an_accepted_webhook_starts_the_time_without_progress(service: Service) -> None:
    task = waiting_task(service.url)
    before = result_of(task)
    assert (before.status, before.timeout_at, before.started_at) == ("pending", None, None)

    deliver_all()

    result = result_of(task)
    assert result.status == "running"
    assert result.started_at is not None
    assert result.timeout_at is not None
    assert (result.timeout_at - result.started_at).total_seconds() == 600
    assert result.max_run_timeout_at == before.max_run_timeout_at
    assert service.last.headers["Content-Type"] == "application/json"
    assert service.last.headers["User-Agent"] == "IaC-Platform/1.0"


def test_the_token_is_in_the_webhook_and_nowhere_else_in_clear(service: Service) -> None:
    """C5a: the column is sealed, the stored payload and the outbox have no token."""
    task = waiting_task(service.url)
    deliver_all()

    token = service.last.payload["access_token"]
    result = result_of(task)
    assert result.access_token == token
    stored = stored_bytes("runtasks_runtaskresult") + stored_bytes("common_outboxentry")
    assert not any(token.encode() in cell for cell in stored)
    assert "access_token" not in result.request_payload
    assert {**result.request_payload, "access_token": token} == service.last.payload


@pytest.mark.parametrize(("signature_format", "prefix"), [("sha512", "sha512="), ("hex", "")])
def test_a_key_signs_the_raw_body(service: Service, signature_format: str, prefix: str) -> None:
    waiting_task(service.url, run_task__hmac_key=KEY, run_task__signature_format=signature_format)
    deliver_all()

    digest = hmac.new(KEY.encode(), service.last.body, hashlib.sha512).hexdigest()
    assert service.last.headers["X-TFC-Task-Signature"] == prefix + digest


def test_a_service_may_sign_what_it_has_parsed(service: Service) -> None:
    """Some written in JavaScript do, as HCP Terraform's JSON is as compact as theirs."""
    waiting_task(service.url, run_task__hmac_key=KEY, run_task__name="prüfung")
    WorkspaceTask.objects.update(description="größer")
    deliver_all()

    hook = service.last
    assert json.dumps(hook.payload, ensure_ascii=False, separators=(",", ":")) == hook.body.decode()


def test_without_a_key_there_is_no_signature(service: Service) -> None:
    waiting_task(service.url)
    deliver_all()

    assert "X-TFC-Task-Signature" not in service.last.headers


def test_every_2xx_accepts(service: Service) -> None:
    service.replies = [Reply(202)]
    task = waiting_task(service.url)
    deliver_all()

    assert result_of(task).status == "running"


def test_nothing_is_held_while_a_service_looks_at_the_plan_before_it_answers(
    service: Service, web_server: str, settings: Settings
) -> None:
    """RTDATA: services fetch the plan inside the handler of the webhook."""
    settings.BASE_URL = f"http://{web_server}"
    seen: list[Any] = []

    def look(request: Request) -> None:
        hook = request.payload
        headers = {"Authorization": f"Bearer {hook['access_token']}"}
        names = ("plan_json_api_url", "plan_data_url", "resource_changes_url")
        seen.extend(requests.get(hook[name], headers=headers, timeout=10).json() for name in names)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_lock_everything).result(timeout=5)

    service.before_answering = look
    waiting_task(service.url)
    deliver_all()

    assert seen == [
        {"format_version": "1.2"},
        {"plan_json": {"format_version": "1.2"}},
        {"resource_changes": []},
    ]


def _lock_everything() -> None:
    with connection.cursor() as cursor:
        for model in (RunTaskResult, RunTask, WorkspaceTask, TaskStage, OutboxEntry):
            table = model._meta.db_table
            cursor.execute(f"SELECT 1 FROM {table} FOR UPDATE NOWAIT")  # noqa: S608
    connection.close()


def test_a_callback_may_come_before_the_webhooks_answer(
    service: Service, web_server: str, settings: Settings
) -> None:
    settings.BASE_URL = f"http://{web_server}"
    codes: list[int] = []
    service.before_answering = lambda request: codes.append(passes(request.payload))
    task = waiting_task(service.url)

    deliver_all()

    assert codes == [200]
    assert (status_of(task), result_of(task).status) == ("apply_pending", "passed")


def test_a_service_that_refuses_at_first_is_asked_again(service: Service) -> None:
    """500 then 200: the same question, one result."""
    service.replies = [Reply(500), Reply(200)]
    task = waiting_task(service.url)

    deliver_all()

    assert len(service.requests) == 2
    assert service.requests[0].body == service.requests[1].body
    assert result_of(task).status == "running"


@pytest.mark.parametrize("level", ["mandatory", "advisory"])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(302, headers={"Location": "/elsewhere"}),
        Reply(408),
        Reply(425),
        Reply(429),
    ],
    ids=lambda reply: str(reply.status),
)
def test_a_service_that_accepts_nothing_ends_as_an_error(
    service: Service, reply: Reply, level: str
) -> None:
    """C3a, C3b, O4: `error` and the answer, which a failed check never is."""
    service.replies = [reply]
    task = waiting_task(service.url, enforcement_level=level, run_task__name="policy")

    deliver_all()

    result = result_of(task)
    assert (result.status, result.access_token) == ("error", None)
    assert result.message == (
        f"The webhook could not be delivered: The service answered {reply.status}"
    )
    assert len(service.requests) == 3
    assert {request.path for request in service.requests} == {"/hook"}
    assert status_of(task) == ("failed" if level == "mandatory" else "apply_pending")


@pytest.mark.parametrize("status", [400, 401, 404, 410, 499])
def test_a_refusal_for_good_is_the_services_last_word(service: Service, status: int) -> None:
    """O4: `error` at once; the service is not asked again what it will not answer."""
    service.replies = [Reply(status, headers={"Retry-After": "1"})]
    task = waiting_task(service.url)

    deliver_all()

    assert len(service.requests) == 1
    assert (status_of(task), result_of(task).status) == ("failed", "error")
    assert result_of(task).message == (
        f"The webhook could not be delivered: The service answered {status}"
    )


@pytest.mark.parametrize(("asked", "waits"), [("7", 7), ("86400", 60), ("", 30)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_service_says_when_it_is_asked_again(
    service: Service, settings: Settings, status: int, asked: str, waits: float
) -> None:
    """Of its own time at most a minute counts: the task waits meanwhile."""
    settings.RUN_TASK_WEBHOOK_WAITS = [30.0]
    service.replies = [Reply(status, headers={"Retry-After": asked} if asked else {})]
    waiting_task(service.url)
    before = timezone.now()

    deliver_all()

    due = OutboxEntry.objects.get().next_attempt_at - before
    assert waits <= due.total_seconds() < waits + 5
    assert len(service.requests) == 1


@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_a_service_has_the_time_that_the_setting_gives(
    service: Service, settings: Settings, seconds: float
) -> None:
    settings.RUN_TASK_WEBHOOK_WAITS = []
    settings.RUN_TASK_WEBHOOK_TIMEOUT_SECONDS = seconds
    service.before_answering = lambda _: time.sleep(0.6)
    task = waiting_task(service.url)

    deliver_all()

    assert result_of(task).status == ("running" if seconds > 0.6 else "error")


def test_all_webhooks_unreachable_and_one_mandatory_fails_the_task() -> None:
    """C3a: the stage fails, the task fails, and nothing can be applied."""
    task = a_running_task()
    attach(task, run_task__name="lint", enforcement_level="advisory")
    attach(task, run_task__name="policy")
    reach(task)

    deliver_all()

    assert status_of(task) == "failed"
    assert "policy" in task.error_message
    assert "could not be delivered" in task.error_message
    assert states(task)["policy"] == "error"
    assert not task.stages.filter(phase="apply").exists()


def test_all_webhooks_unreachable_and_all_advisory_goes_on_with_warnings() -> None:
    """C3b: the results are errors, the task goes on."""
    task = a_running_task()
    for name in ("lint", "cost"):
        attach(task, run_task__name=name, enforcement_level="advisory")
    reach(task)

    deliver_all()

    assert status_of(task) == "apply_pending"
    assert states(task) == {"lint": "error", "cost": "error"}
    gate = task.stages.get(name="post_plan_run_tasks")
    assert "lint (advisory) ended as error" in gate.message


@pytest.mark.parametrize(
    ("unreachable", "reached", "status"),
    [("advisory", "mandatory", "apply_pending"), ("mandatory", "advisory", "failed")],
)
def test_one_webhook_fails_and_another_passes(
    service: Service, unreachable: str, reached: str, status: str
) -> None:
    """C3c: what counts is whether the one that failed was mandatory."""
    task = a_running_task()
    attach(task, service.url, run_task__name="reached", enforcement_level=reached)
    attach(task, NOWHERE, run_task__name="unreachable", enforcement_level=unreachable)
    reach(task)
    answer(RunTaskResult.objects.get(task=task, run_task_name="reached"))

    deliver_all()

    assert status_of(task) == status
    assert states(task) == {"reached": "passed", "unreachable": "error"}


def test_an_address_that_may_not_be_called_is_an_error_at_once(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    task = waiting_task("http://127.0.0.1:9/hook")

    deliver_all()

    assert (status_of(task), result_of(task).status) == ("failed", "error")
    assert OutboxEntry.objects.get().attempts == 1


def test_a_huge_answer_accepts_all_the_same(service: Service) -> None:
    service.replies = [Reply(200, body=b"x" * 5_000_000)]
    task = waiting_task(service.url)

    deliver_all()

    assert result_of(task).status == "running"


def test_what_has_ended_meanwhile_is_not_asked_about(service: Service) -> None:
    task = waiting_task(service.url)
    answer(result_of(task))

    deliver_all()

    assert service.requests == []
    assert result_of(task).status == "passed"


def test_a_service_that_is_at_work_is_not_given_up() -> None:
    """Its progress shows that it has the webhook, whatever became of its answer."""
    task = waiting_task()
    answer(result_of(task), "running")

    deliver_all()

    assert (result_of(task).status, status_of(task)) == ("running", "running")


def test_a_webhook_whose_deliverer_died_is_sent_by_another(
    service: Service, settings: Settings
) -> None:
    """H2: at least once, and the result knows nothing of it."""
    task = waiting_task(service.url)
    settings.OUTBOX_LEASE_SECONDS = 0.0
    assert claim_next() is not None  # by one who then died
    settings.OUTBOX_LEASE_SECONDS = 90.0

    deliver_all()

    assert len(service.requests) == 1
    assert result_of(task).status == "running"


def test_many_services_are_asked_at_once(service: Service) -> None:
    task = a_running_task()
    for number in range(12):
        attach(task, service.url, run_task__name=f"check-{number}")
    reach(task)

    def work(_: int) -> None:
        deliver_all()
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert len(service.requests) == 12
    ids = {request.payload["task_result_id"] for request in service.requests}
    tokens = {request.payload["access_token"] for request in service.requests}
    assert (len(ids), len(tokens)) == (12, 12)
    assert set(states(task).values()) == {"running"}

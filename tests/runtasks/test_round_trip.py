"""From a task that reaches a gate to one that has left it, over real sockets."""

import pytest
import requests
from pytest_django import Settings

from tests.domain import open_stage, statuses
from tests.runtasks.deliveries import deliver_all
from tests.runtasks.factories import result_of, waiting_task
from tests.runtasks.service import Service

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_task_waits_is_asked_about_answered_and_goes_on(
    service: Service, web_server: str, settings: Settings
) -> None:
    settings.BASE_URL = f"http://{web_server}"
    task = waiting_task(service.url)
    assert open_stage(task).status == "waiting"

    deliver_all()
    result = result_of(task)
    assert result.status == "running"
    hook = service.last.payload
    answer = requests.patch(
        hook["task_result_callback_url"],
        json={"data": {"type": "task-results", "attributes": {"status": "passed"}}},
        headers={
            "Authorization": f"Bearer {hook['access_token']}",
            "Content-Type": "application/vnd.api+json",
        },
        timeout=10,
    )

    assert answer.status_code == 200, answer.text
    task.refresh_from_db()
    assert task.status == "apply_pending"
    assert statuses(task)[-1] == ("post_plan_run_tasks", "done")
    result = result_of(task)
    assert (result.status, result.access_token) == ("passed", None)

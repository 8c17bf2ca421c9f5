"""The sandbox beside a running platform, as `make demo` and `make up` start it."""

import requests

from iacplatform.embedded.checks import start_checks
from tests.system.run_tasks import RunTaskPlatform, results


def test_the_demos_checks_follow_the_sandbox_to_its_new_address(
    run_task_platform: RunTaskPlatform,
) -> None:
    """Started again, it has another port, and the RunTasks are the same."""
    client = run_task_platform.client
    first = start_checks(run_task_platform.stack, client)

    second = start_checks(run_task_platform.stack, client)

    assert second.url != first.url
    assert second.attachments == first.attachments
    workspace = run_task_platform.checked()
    for attachment in second.attachments:
        workspace.post("/run-tasks", attachment)
    task = workspace.start()
    assert task.wait() == "applied"
    found = results(task)
    ends = {name: (row["enforcement_level"], row["status"]) for name, row in found.items()}
    assert ends == {
        "policy": ("mandatory", "passed"),
        "cost-estimate": ("advisory", "failed"),
    }
    assert found["policy"]["message"] == "The plan changes 1 resource: fine"
    page = requests.get(f"{second.url}/", timeout=10).text
    assert page.count('<span class="good">verified</span>') == 4
    assert "Nothing yet." not in page

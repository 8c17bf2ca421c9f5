"""The live stream of a task that real workers run."""

from itertools import islice

import pytest
from websockets.exceptions import ConnectionClosed

from iacplatform.embedded.client import JSON, PlatformClient
from tests.system.configurations import talking
from tests.system.platform import Platform, TaskUnderTest

SLOW = "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.3; done"
LINES = {"output", "error", "stage_marker"}


@pytest.fixture(scope="module")
def finished(platform: Platform) -> TaskUnderTest:
    """A task that was applied."""
    return platform.workspace(talking("echo hello")).apply()


def numbered(messages: list[JSON]) -> list[JSON]:
    return [message for message in messages if message["type"] in LINES]


def test_a_viewer_sees_every_line_once_in_order_from_plan_to_apply(platform: Platform) -> None:
    workspace = platform.workspace(talking(SLOW), auto_apply=True)
    task = workspace.start()

    messages = list(platform.client.stream(task.task_id))

    assert messages[0]["type"] == "connected"
    assert (messages[-1]["type"], messages[-1]["status"]) == ("completed", "applied")
    lines = numbered(messages)
    assert [line["line_num"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["line"] for line in lines] == task.log().splitlines()


def test_the_lines_come_while_the_engine_works(platform: Platform) -> None:
    workspace = platform.workspace(talking(SLOW), auto_apply=True)
    task = workspace.start()

    first = next(
        message
        for message in platform.client.stream(task.task_id)
        if message.get("line", "").endswith("(local-exec): line 1")
    )

    assert first["stage"] == "applying"
    assert task.status == "running"
    assert task.wait() == "applied"


def test_a_viewer_who_comes_back_goes_on_where_they_were(platform: Platform) -> None:
    workspace = platform.workspace(talking(SLOW), auto_apply=True)
    task = workspace.start()
    seen = numbered(list(islice(platform.client.stream(task.task_id), 12)))

    rest = numbered(list(platform.client.stream(task.task_id, offset=seen[-1]["line_num"])))

    assert [line["line"] for line in seen + rest] == task.log().splitlines()


def test_a_late_viewer_sees_the_whole_log_and_that_it_is_over(finished: TaskUnderTest) -> None:
    messages = list(finished.workspace.platform.client.stream(finished.task_id))

    assert [line["line"] for line in numbered(messages)] == finished.log().splitlines()
    assert messages[-1]["type"] == "completed"


def test_a_viewer_sees_resources_change_their_status(platform: Platform) -> None:
    workspace = platform.workspace(talking("sleep 0.5"), auto_apply=True)
    task = workspace.start()

    updates = [
        message["line"]
        for message in platform.client.stream(task.task_id)
        if message["type"] == "resource_status_update"
    ]

    assert any('"apply_status":"applying"' in line.replace(" ", "") for line in updates)
    assert any('"apply_status":"completed"' in line.replace(" ", "") for line in updates)


def test_no_line_is_lost_when_redis_loses_everything(platform: Platform) -> None:
    """What the stream loses comes from the database."""
    workspace = platform.workspace(talking(SLOW), auto_apply=True)
    task = workspace.start()
    task.wait_for_stage("applying", "apply")
    stream = platform.client.stream(task.task_id)
    first = list(islice(stream, 5))

    platform.lose_messages()
    lines = numbered(first + list(stream))

    assert [line["line"] for line in lines] == task.log().splitlines()


def test_without_a_valid_token_there_is_no_stream(finished: TaskUnderTest) -> None:
    platform = finished.workspace.platform
    stranger = PlatformClient(platform.stack.base_url, "iac_not-a-token")

    with pytest.raises(ConnectionClosed) as caught:
        list(stranger.stream(finished.task_id))

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4401

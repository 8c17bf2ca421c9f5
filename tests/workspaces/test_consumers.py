"""A task's log over a WebSocket, from a real server to a real client (reference §5.10)."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.test import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from iacplatform.accounts.access_tokens import issue_access_token
from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import APIToken, Membership, User
from iacplatform.accounts.services import create_api_token, revoke_api_token
from iacplatform.common.redis_client import redis_client
from iacplatform.embedded.processes import wait_until_ready
from iacplatform.embedded.redis import redis as a_redis
from tests.domain import a_user, finish_plan
from tests.factories import member_with
from tests.task_logs import a_running_task, end, messages, other_connections, publish, store
from workspaces import log_stream
from workspaces.log_messages import progress_messages
from workspaces.models import AccessGrant, ApplyStatus, ResourceChange, WorkspaceTask
from workspaces.services.live_log import IDLE_SECONDS
from workspaces.services.tasks import confirm_apply
from workspaces.task_status import TaskStatus

pytestmark = pytest.mark.django_db(transaction=True)
Viewer = Callable[..., ClientConnection]


@pytest.fixture
def view(web_server: str) -> Iterator[Viewer]:
    """Opens a task's stream, as ``ada`` unless another token (or none) is given."""
    with ExitStack() as stack:

        def open_stream(
            task: WorkspaceTask, query: str = "", *, token: str | None = "ada", **options: Any
        ) -> ClientConnection:
            if token == "ada":
                token = issue_access_token(User.objects.get(username="ada"))
            url = f"ws://{web_server}/api/v1/tasks/{task.pk}/output/stream{query}"
            offered = [Subprotocol("access_token"), Subprotocol(token)] if token else None
            options = {"max_size": None, "proxy": None, "subprotocols": offered} | options
            return stack.enter_context(connect(url, **options))

        yield open_stream
    while other_connections():  # emptying the tables and a last look of a viewer could deadlock
        time.sleep(0.01)


def receive(stream: ClientConnection, count: int, timeout: float = 10) -> list[dict[str, Any]]:
    """The next messages, read."""
    return [json.loads(stream.recv(timeout)) for _ in range(count)]


def rest(stream: ClientConnection) -> list[dict[str, Any]]:
    """Every message until the server closes."""
    return [json.loads(text) for text in stream]


def close_code(stream: ClientConnection) -> int | None:
    """Waits for the server to close and says with which code."""
    with pytest.raises(ConnectionClosed):
        stream.recv(timeout=10)
    return stream.close_code


def numbers(received: list[dict[str, Any]]) -> list[int]:
    """The numbers of the lines among these messages."""
    return [message["line_num"] for message in received if "line_num" in message]


def test_history_comes_first_then_live_lines_each_once_then_completed(view: Viewer) -> None:
    task = a_running_task()
    store(task, 1, ["one", "two"])
    publish(task, 2, ["two", "three"])

    stream = view(task)
    connected, *lines = receive(stream, 4)
    assert connected["type"] == "connected"
    assert connected["task_id"] == task.pk
    assert connected["client_id"]
    assert lines == messages(1, ["one", "two", "three"])

    publish(task, 4, ["four", "five"])
    assert receive(stream, 2) == messages(4, ["four", "five"])

    store(task, 3, ["three", "four", "five"])
    end(task)
    assert rest(stream) == [{"type": "completed", "status": "applied"}]
    assert stream.close_code == 1000


def test_a_task_that_has_ended_shows_its_whole_log(view: Viewer) -> None:
    task = a_running_task()
    store(task, 1, ["Error: no"], kinds={"1": "error"})
    store(task, 2, ["========== INIT BEGIN at 10:00 =========="], kinds={"2": "stage_marker"})
    end(task, TaskStatus.FAILED)

    _, error, marker, completed = rest(view(task))

    assert (error["type"], error["line"], error["stage"]) == ("error", "Error: no", "planning")
    assert (marker["type"], marker["status"]) == ("stage_marker", "begin")
    assert completed == {"type": "completed", "status": "failed"}


def test_a_viewer_resumes_behind_the_last_line_it_has(view: Viewer) -> None:
    task = a_running_task()
    store(task, 1, ["one", "two", "three"])
    store(task, 4, ["four"])

    assert numbers(receive(view(task, "?offset=2"), 3)) == [3, 4]

    stream = view(task, "?offset=4")
    publish(task, 4, ["four", "five"])
    assert numbers(receive(stream, 2)) == [5]


def test_a_viewer_who_comes_late_learns_how_far_the_apply_is(view: Viewer) -> None:
    task = a_running_task()
    done, _ = (
        ResourceChange.objects.create(
            task=task, resource_address=f"null_resource.{name}", action="create", **fields
        )
        for name, fields in (
            ("a", {"apply_status": ApplyStatus.COMPLETED, "resource_id": "i-1"}),
            ("b", {}),
        )
    )
    log_stream.publish(task.pk, progress_messages(task.pk, [done]))
    store(task, 1, ["one"])

    stream = view(task)
    _, status, identity, line = receive(stream, 4)

    assert (status["type"], identity["type"]) == ("resource_status_update", "resource_id_update")
    assert json.loads(status["line"])["apply_status"] == "completed"
    assert json.loads(identity["line"])["resource_id"] == "i-1"
    assert line["line"] == "one"

    log_stream.publish(task.pk, progress_messages(task.pk, [done]))
    assert [message["type"] for message in receive(stream, 2)] == [
        "resource_status_update",
        "resource_id_update",
    ]


def test_lines_that_redis_lost_come_from_the_database(view: Viewer) -> None:
    task = a_running_task()
    publish(task, 1, ["one"])
    stream = view(task)
    assert numbers(receive(stream, 2)) == [1]

    publish(task, 2, ["two"])
    redis_client().delete(log_stream.stream_key(task.pk))
    time.sleep(0.01)  # an entry's id is its millisecond
    publish(task, 4, ["four"])
    store(task, 1, ["one", "two", "three"])

    assert numbers(receive(stream, 3)) == [2, 3, 4]


def test_updates_that_redis_lost_are_read_again(view: Viewer) -> None:
    task = a_running_task()
    stream = view(task)
    receive(stream, 1)
    ResourceChange.objects.create(
        task=task,
        resource_address="null_resource.a",
        action="create",
        apply_status=ApplyStatus.APPLYING,
    )
    store(task, 1, ["one"])
    publish(task, 2, ["two"])

    received = receive(stream, 3)

    assert {message["type"] for message in received} == {"output", "resource_status_update"}
    assert numbers(received) == [1, 2]


def test_the_stream_goes_on_from_waiting_for_approval_into_the_apply(view: Viewer) -> None:
    task = a_running_task()
    finish_plan(task, add=1, has_changes=True)
    assert task.status == TaskStatus.APPLY_PENDING
    stream = view(task)
    receive(stream, 1)
    with pytest.raises(TimeoutError):
        stream.recv(timeout=2.5)

    confirm_apply(task, user=User.objects.get(username="ada"))
    publish(task, 1, ["applying"])

    assert receive(stream, 1) == messages(1, ["applying"])


def test_a_viewer_who_is_woken_sees_the_end_at_once(view: Viewer) -> None:
    task = a_running_task()
    stream = view(task)
    receive(stream, 1)
    time.sleep(0.2)
    end(task)
    begin = time.monotonic()
    log_stream.wake_viewers(task.pk)

    assert receive(stream, 1)[0]["type"] == "completed"
    assert time.monotonic() - begin < IDLE_SECONDS - 0.2


@pytest.mark.parametrize("kind", ["JWT", "API token"])
def test_either_kind_of_token_opens_the_stream(view: Viewer, kind: str) -> None:
    task = a_running_task()
    ada = User.objects.get(username="ada")
    jwt, (_, api_token) = issue_access_token(ada), create_api_token(ada, name="ci")

    stream = view(task, token=jwt if kind == "JWT" else api_token)

    assert stream.subprotocol == "access_token"
    assert receive(stream, 1)[0]["type"] == "connected"


def test_who_is_not_signed_in_is_told_so(view: Viewer) -> None:
    """L4: a token in the query string opens nothing."""
    task = a_running_task()
    token = issue_access_token(User.objects.get(username="ada"))

    assert close_code(view(task, token="nonsense")) == 4401
    assert close_code(view(task, token=None)) == 4401
    assert close_code(view(task, f"?access_token={token}&token={token}", token=None)) == 4401


def test_a_session_of_the_same_origin_opens_the_stream(view: Viewer, web_server: str) -> None:
    task = a_running_task()
    browser = Client()
    browser.force_login(User.objects.get(username="ada"))
    cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}

    stream = view(task, token=None, origin=f"http://{web_server}", additional_headers=cookie)

    assert receive(stream, 1)[0]["type"] == "connected"
    assert stream.subprotocol is None


def test_a_page_of_another_origin_is_refused_unless_it_is_listed(
    view: Viewer, web_server: str, settings: LazySettings
) -> None:
    """L4: WebSocket Origin allow-list."""
    task = a_running_task()
    for origin in ("https://evil.example.com", "null", f"http://{web_server}.evil.example.com"):
        with pytest.raises(InvalidStatus) as refused:
            view(task, origin=origin)
        assert refused.value.response.status_code == 403

    settings.ALLOWED_ORIGINS = ["https://console.example.com"]
    stream = view(task, origin="https://console.example.com")
    assert receive(stream, 1)[0]["type"] == "connected"


def test_a_task_of_another_organization_is_not_there(view: Viewer) -> None:
    """F3: neither its log nor that it exists."""
    task = a_running_task()
    stranger = a_user("eve")
    Membership.objects.filter(user=stranger).delete()

    assert close_code(view(task, token=issue_access_token(stranger))) == 4404
    assert close_code(view(WorkspaceTask(pk=task.pk + 1))) == 4404


def test_a_viewer_who_may_no_longer_see_the_task_is_sent_away(view: Viewer) -> None:
    task = a_running_task()
    stream = view(task)
    receive(stream, 1)

    Membership.objects.all().delete()

    assert close_code(stream) == 4404


@pytest.mark.parametrize("offset", ["", "-1", "1.5", "x", "²", "9" * 30])
def test_an_offset_that_is_none_is_refused_with_the_reason(view: Viewer, offset: str) -> None:
    stream = view(a_running_task(), f"?offset={offset}")

    assert close_code(stream) == 4400
    assert "offset" in str(stream.close_reason)


def test_an_address_that_is_no_stream_is_refused(web_server: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://{web_server}/api/v1/nothing", proxy=None)
    assert refused.value.response.status_code == 403


def test_a_line_of_five_megabytes_arrives_whole_live_and_stored(view: Viewer) -> None:
    """F21: neither truncated nor in the way of the lines behind it."""
    task = a_running_task()
    long = "é" * 5_000_000
    stream = view(task)
    receive(stream, 1)

    publish(task, 1, [long, "two"])
    store(task, 1, [long, "two"])

    assert [message["line"] for message in receive(stream, 2)] == [long, "two"]
    assert receive(view(task), 2)[1]["line"] == long


def test_a_hundred_thousand_lines_arrive_in_order(view: Viewer) -> None:
    task = a_running_task()
    texts = [f"line {number} of many" for number in range(1, 100_001)]
    for begin in range(0, 100_000, 1000):
        store(task, begin + 1, texts[begin : begin + 1000])
    end(task)

    received = rest(view(task))

    assert numbers(received) == list(range(1, 100_001))
    assert received[-1]["type"] == "completed"


def test_a_slow_viewer_misses_nothing_although_the_stream_is_trimmed(view: Viewer) -> None:
    task = a_running_task()
    stream = view(task, max_queue=1)
    receive(stream, 1)
    texts = ["x" * 5000] * 40
    for begin in range(1, 12_001, 40):
        publish(task, begin, texts)
        store(task, begin, texts)
    end(task)

    assert redis_client().xlen(log_stream.stream_key(task.pk)) <= 2 * log_stream.KEEP_BATCHES
    assert numbers(rest(stream)) == list(range(1, 12_001))


@pytest.fixture
def own_redis(settings: LazySettings, tmp_path: Path) -> Iterator[Callable[[], ExitStack]]:
    """Starts a Redis of this test's own, always at the same address; closing the stack stops it."""
    link = tmp_path / "redis.sock"
    run_dirs = (tmp_path / str(number) for number in itertools.count())

    def start() -> ExitStack:
        run_dir = next(run_dirs)
        run_dir.mkdir()
        stack = ExitStack()
        lock = stack.enter_context((run_dir / "lock").open("w"))
        service = stack.enter_context(a_redis(run_dir, lock=lock.fileno()))
        wait_until_ready(service.child, service.ready)
        link.unlink(missing_ok=True)
        link.symlink_to(urlsplit(service.url).path)
        return stack

    settings.REDIS_URL = f"unix://{link}?db=0"
    redis_client.cache_clear()
    yield start
    redis_client().close()
    redis_client.cache_clear()


def test_without_redis_the_database_is_polled_and_redis_is_used_again_when_it_is_back(
    view: Viewer, own_redis: Callable[[], ExitStack]
) -> None:
    with own_redis():
        task = a_running_task()
        publish(task, 1, ["one"])
        stream = view(task)
        assert numbers(receive(stream, 2)) == [1]

    store(task, 1, ["one", "two"])
    assert numbers(receive(stream, 1, timeout=5)) == [2]

    with own_redis():
        time.sleep(2)
        publish(task, 3, ["three"])
        assert numbers(receive(stream, 1, timeout=3)) == [3]


def test_a_token_that_may_not_read_workspaces_is_told_so(view: Viewer) -> None:
    """4403 for its scopes, although its user may; 4401 once it is revoked."""
    task = a_running_task()
    token, text = create_api_token(User.objects.get(username="ada"), name="narrow")

    for scopes, refused in (["account"], True), (["workspaces:read"], False):
        APIToken.objects.filter(pk=token.pk).update(scopes=scopes)
        stream = view(task, token=text)
        if refused:
            assert close_code(stream) == 4403
        else:
            assert receive(stream, 1)[0]["type"] == "connected"
    revoke_api_token(token)
    assert close_code(view(task, token=text)) == 4401


@pytest.mark.parametrize("level", [Level.NONE, Level.READ])
def test_a_stream_takes_the_level_read(view: Viewer, level: Level) -> None:
    """F3: a member without it does not learn that the task exists."""
    task = a_running_task()
    somebody = member_with(Level.ADMIN, organization=task.workspace.organization)
    team = somebody.teams.get()
    AccessGrant.objects.create(team=team, workspace=task.workspace, level=level)
    stream = view(task, token=issue_access_token(somebody))

    if level < Level.READ:
        assert close_code(stream) == 4404
    else:
        assert receive(stream, 1)[0]["type"] == "connected"

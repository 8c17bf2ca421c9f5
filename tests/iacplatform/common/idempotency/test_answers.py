"""What a request with an idempotency key is answered, on real addresses of the API."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, Thread

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from iacplatform.common.idempotency.answers import prune
from iacplatform.common.models import IdempotentRequest
from iacplatform.common.tasks import prune_idempotency_keys
from tests.factories import UserFactory, WorkspaceFactory
from tests.workspaces.api.test_configurations import file
from workspaces.models import ConfigurationVersion, Workspace

pytestmark = pytest.mark.django_db
PLAN = {"task_type": "plan_only"}
KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


def test_the_same_key_with_the_same_request_gets_the_stored_answer(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    first = api.post(f"{base}/tasks", PLAN, headers=KEY)
    again = api.post(f"{base}/tasks", PLAN, headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert workspace.tasks.count() == 1


def test_without_a_key_everything_is_done_each_time(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    for _ in range(2):
        assert api.post(f"{base}/tasks", PLAN).status_code == 201

    assert workspace.tasks.count() == 2
    assert not IdempotentRequest.objects.exists()


def test_quotes_around_a_key_say_nothing(api: APIClient, base: str, workspace: Workspace) -> None:
    for key in ("nightly", '"nightly"'):
        api.post(f"{base}/tasks", PLAN, headers={"Idempotency-Key": key})

    assert workspace.tasks.count() == 1


def test_the_same_key_with_another_request_is_refused(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    api.post(f"{base}/tasks", PLAN, headers=KEY)
    other_body = api.post(f"{base}/tasks", {"task_type": "plan_and_apply"}, headers=KEY)
    other_path = api.post(f"{base}/lock", {}, headers=KEY)

    for answer in (other_body, other_path):
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"
    assert workspace.tasks.count() == 1


def test_another_user_may_use_the_same_key(
    api: APIClient, client_of: Callable[[User], APIClient], base: str, workspace: Workspace
) -> None:
    api.post(f"{base}/tasks", PLAN, headers=KEY)
    other = client_of(UserFactory.create()).post(f"{base}/tasks", PLAN, headers=KEY)

    assert "Idempotency-Replayed" not in other.headers
    assert workspace.tasks.count() == 2


def test_nobody_is_answered_from_what_they_may_not_see_any_more(
    api: APIClient, base: str, member: User
) -> None:
    api.post(f"{base}/tasks", PLAN, headers=KEY)
    member.organizations.clear()

    assert api.post(f"{base}/tasks", PLAN, headers=KEY).status_code == 404


@pytest.mark.parametrize("key", ["", '""', "two words", "ä", "x" * 256])
def test_a_key_that_is_none_is_refused(api: APIClient, base: str, key: str) -> None:
    answer = api.post(f"{base}/tasks", PLAN, headers={"Idempotency-Key": key})

    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["fields"]


def test_a_refused_request_may_be_tried_again_with_its_key(
    api: APIClient, base: str, workspace: Workspace
) -> None:
    """Nothing was done, so there is nothing to be done only once."""
    Workspace.objects.filter(pk=workspace.pk).update(
        is_locked=True, locked_by="grace", locked_at=timezone.now(), lock_reason="Moving house"
    )
    assert api.post(f"{base}/tasks", PLAN, headers=KEY).status_code == 423
    assert api.post(f"{base}/unlock", {"force": True}).status_code == 200

    answer = api.post(f"{base}/tasks", PLAN, headers=KEY)

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


def test_two_uploads_of_one_file_are_one_and_of_another_file_are_refused(
    api: APIClient, base: str
) -> None:
    def upload(content: bytes) -> int:
        form = {"archive": SimpleUploadedFile("a.tar.gz", content)}
        address = f"{base}/configuration-versions"
        return api.post(address, form, format="multipart", headers=KEY).status_code

    one, other = file("main.tf"), file("other.tf")

    assert [upload(one), upload(one), upload(other)] == [201, 201, 422]
    assert ConfigurationVersion.objects.get().archive == one


def test_an_answer_is_encrypted_in_its_row(api: APIClient, base: str) -> None:
    body = {"key": "region", "value": "eu-west-1-unmistakable"}
    assert api.post(f"{base}/variables", body, headers=KEY).status_code == 201

    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM common_idempotentrequest")
        (stored,) = cursor.fetchone() or (b"",)
    assert b"unmistakable" not in bytes(stored)
    assert b"unmistakable" in IdempotentRequest.objects.get().body


def test_a_key_counts_for_as_long_as_it_is_kept(
    api: APIClient, base: str, workspace: Workspace, settings: Settings
) -> None:
    settings.IDEMPOTENCY_KEEP_HOURS = 2
    api.post(f"{base}/tasks", PLAN, headers=KEY)
    rows = IdempotentRequest.objects.all()
    rows.update(created_at=timezone.now() - timedelta(hours=1))
    prune_idempotency_keys()
    assert "Idempotency-Replayed" in api.post(f"{base}/tasks", PLAN, headers=KEY).headers

    rows.update(created_at=timezone.now() - timedelta(hours=3))
    assert "Idempotency-Replayed" not in api.post(f"{base}/tasks", PLAN, headers=KEY).headers
    rows.update(created_at=timezone.now() - timedelta(hours=3))

    assert prune() == 1
    assert workspace.tasks.count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_at_once_with_one_key_make_one_task(
    client_of: Callable[[User], APIClient], member: User, workspace: Workspace, base: str
) -> None:
    """H7: those that come while it is being made are told to wait, the later get its answer."""
    people = 8
    clients, barrier = [client_of(member) for _ in range(people)], Barrier(people)

    def ask(client: APIClient) -> tuple[int, str | None]:
        barrier.wait()
        try:
            answer = client.post(f"{base}/tasks", PLAN, headers=KEY)
            return answer.status_code, answer.headers.get("Retry-After")
        finally:
            connection.close()

    with ThreadPoolExecutor(people) as pool:
        answers = set(pool.map(ask, clients))

    assert answers <= {(201, None), (409, "1")}
    assert (201, None) in answers
    assert workspace.tasks.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_that_is_still_being_worked_on_says_when_to_come_again(
    api: APIClient, workspace: Workspace, base: str
) -> None:
    """The first waits for the workspace's row; the second does not."""
    held, release = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Workspace.objects.select_for_update().get(pk=workspace.pk)
            held.set()
            release.wait(30)
        connection.close()

    def ask() -> None:
        assert api.post(f"{base}/tasks", PLAN, headers=KEY).status_code == 201
        connection.close()

    holding, asking = Thread(target=hold), Thread(target=ask)
    holding.start()
    held.wait(30)
    asking.start()
    while not _somebody_waits():
        assert asking.is_alive()
    second = api.post(f"{base}/tasks", PLAN, headers=KEY)
    release.set()
    holding.join()
    asking.join()

    assert (second.status_code, second.headers["Retry-After"]) == (409, "1")
    assert second.json()["code"] == "idempotency_in_progress"
    assert workspace.tasks.count() == 1


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted),"
            " EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1)"
        )
        return bool(cursor.fetchone() == (True, True))


def test_a_key_does_not_bring_back_a_workspace_of_somebody_else(api: APIClient, base: str) -> None:
    """The address is part of what a key stands for."""
    other = WorkspaceFactory.create(name="other")
    api.post(f"{base}/tasks", PLAN, headers=KEY)

    answer = api.post(f"/api/v1/workspaces/{other.workspace_id}/tasks", PLAN, headers=KEY)

    assert answer.status_code == 422

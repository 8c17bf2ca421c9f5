"""Engine versions over the REST API."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from iacplatform.common.errors import InvalidInput
from tests.factories import (
    EngineVersionFactory,
    UserFactory,
    WorkspaceFactory,
    approvable_task,
    plain_member,
)
from workspaces.models import EngineVersion
from workspaces.services.engine_versions import save_engine_version, set_default

ALL = "/api/v1/engine-versions"
NEW = {
    "engine": "opentofu",
    "version": "1.8.0",
    "download_url": "https://releases.example.com/tofu.zip",
    "checksum": "A" * 64,
}


@pytest.fixture
def staff(client_of: Callable[[User], APIClient], db: None) -> APIClient:
    """Calls as somebody of the staff."""
    return client_of(UserFactory.create(staff=True))


def test_everybody_reads_and_staff_writes(
    client_of: Callable[[User], APIClient], staff: APIClient, engine: EngineVersion
) -> None:
    api = client_of(plain_member())
    assert api.get(ALL).json()["items"][0]["version"] == engine.version
    url = f"{ALL}/{engine.pk}"
    assert api.get(url).json()["is_default"] is True
    refused = [
        api.post(ALL, NEW),
        api.put(url, NEW),
        api.patch(url, {"deprecated": True}),
        api.delete(url),
        api.post(f"{url}/set-default"),
    ]
    assert {answer.status_code for answer in refused} == {403}
    created = staff.post(ALL, NEW)
    assert created.status_code == 201
    assert created.json()["checksum"] == "a" * 64
    assert APIClient().get(ALL).status_code == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("checksum", "A" * 63),
        ("checksum", "g" * 64),
        ("download_url", "ftp://releases.example.com/tofu.zip"),
        ("download_url", "file:///etc/passwd"),
        ("download_url", "releases"),
        ("download_url", "https://[broken"),
        ("version", "latest"),
        ("version", "1.8"),
        ("version", "../1.8.0"),
        ("version", "1.8.0/../x"),
        ("version", "\u0661.8.0"),
        ("engine", "pulumi"),
    ],
)
def test_bad_input_names_the_field(staff: APIClient, field: str, value: str) -> None:
    answer = staff.post(ALL, {**NEW, field: value})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_a_version_is_registered_once(staff: APIClient) -> None:
    assert staff.post(ALL, NEW).status_code == 201
    again = staff.post(ALL, NEW)
    assert again.status_code == 409
    assert list(again.json()["fields"]) == ["version"]


def test_the_default_moves_and_there_is_always_one(staff: APIClient, engine: EngineVersion) -> None:
    other = EngineVersionFactory.create()
    assert staff.delete(f"{ALL}/{engine.pk}").status_code == 409
    assert staff.patch(f"{ALL}/{engine.pk}", {"enabled": False}).status_code == 400
    assert staff.post(f"{ALL}/{other.pk}/set-default").json()["is_default"] is True
    assert staff.get(f"{ALL}/{engine.pk}").json()["is_default"] is False
    assert staff.delete(f"{ALL}/{engine.pk}").status_code == 204


def test_a_disabled_version_does_not_become_the_default(staff: APIClient) -> None:
    disabled = EngineVersionFactory.create(enabled=False)
    answer = staff.post(f"{ALL}/{disabled.pk}/set-default")
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["enabled"]


def test_a_version_that_a_workspace_names_stays(staff: APIClient) -> None:
    used = EngineVersionFactory.create()
    WorkspaceFactory.create(engine_version=used)
    answer = staff.delete(f"{ALL}/{used.pk}")
    assert answer.status_code == 409
    assert answer.json()["code"] == "in_use"


@pytest.mark.parametrize(
    ("field", "value"), [("engine", "opentofu"), ("version", "1.9.99"), ("checksum", "b" * 64)]
)
def test_what_a_task_is_applied_with_stays_as_it_was_approved(
    staff: APIClient, field: str, value: str
) -> None:
    used = EngineVersionFactory.create()
    url = f"{ALL}/{used.pk}"
    approvable_task(WorkspaceFactory.create(engine_version=used))
    answer = staff.patch(url, {field: value})
    assert answer.status_code == 409
    assert list(answer.json()["fields"]) == [field]
    moved = {**staff.get(url).json(), "download_url": "https://mirror.example.com/e.zip"}
    assert staff.put(url, moved).status_code == 200


def test_a_version_that_no_task_names_is_corrected(staff: APIClient) -> None:
    url = f"{ALL}/{EngineVersionFactory.create().pk}"
    assert staff.patch(url, {"checksum": "b" * 64}).json()["checksum"] == "b" * 64


def test_an_edit_beside_a_new_default_leaves_the_default(engine: EngineVersion) -> None:
    other = EngineVersionFactory.create()
    read_before = EngineVersion.objects.get(pk=other.pk)
    set_default(other)
    save_engine_version(read_before, deprecated=True)
    assert EngineVersion.objects.get(is_default=True) == other


def test_a_version_disabled_meanwhile_does_not_become_the_default(engine: EngineVersion) -> None:
    other = EngineVersionFactory.create()
    EngineVersion.objects.filter(pk=other.pk).update(enabled=False)
    with pytest.raises(InvalidInput, match="disabled"):
        set_default(other)
    assert EngineVersion.objects.get(is_default=True) == engine


def test_a_list_is_narrowed_by_engine(api: APIClient, engine: EngineVersion) -> None:
    EngineVersionFactory.create(opentofu=True, enabled=False)
    assert api.get(f"{ALL}?engine=opentofu").json()["total"] == 1
    assert api.get(f"{ALL}?enabled=true").json()["total"] == 1
    assert api.get(f"{ALL}?engine=pulumi").status_code == 400

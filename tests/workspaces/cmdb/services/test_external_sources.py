"""External sources: what is accepted, and what becomes of header values."""

from typing import Any

import pytest

from iacplatform.accounts.models import User
from iacplatform.common.errors import Conflict, Forbidden, InvalidInput
from tests.factories import UserFactory
from tests.workspaces.cmdb.inventories import a_source
from workspaces.cmdb.models import ExternalSource
from workspaces.cmdb.services.external_sources import create_source, update_source

pytestmark = pytest.mark.django_db
URL = "https://inventory.example.com/vms"


@pytest.fixture
def admin() -> User:
    return UserFactory.create(staff=True)


def create(user: User, **fields: Any) -> ExternalSource:
    values = {"name": "vms", "api_endpoint": URL, "primary_key_field": "id"}
    return create_source(user=user, **(values | fields))


def test_only_administrators_create_sources() -> None:
    with pytest.raises(Forbidden):
        create(UserFactory.create())


def test_a_name_is_there_once_in_an_organization(admin: User) -> None:
    create(admin)
    with pytest.raises(Conflict, match="this name"):
        create(admin)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_endpoint", "ftp://inventory.example.com"),
        ("api_endpoint", "http://169.254.169.254/latest/meta-data"),
        ("api_endpoint", "http://10.0.0.7/vms"),
        ("api_endpoint", "http://user:word@inventory.example.com"),
        ("response_path", "$.data["),
        ("response_path", "$..a..b"),
        ("response_path", "$[?match(@.a, 'x')]"),
        ("primary_key_field", "a b"),
        ("auth_headers", [{"key": "Host", "value": "x"}]),
        ("auth_headers", [{"key": "a b", "value": "x"}]),
        ("auth_headers", [{"key": "X-Key", "value": "line\nline"}]),
        ("auth_headers", [{"key": "X-Key"}]),
        ("auth_headers", [{"key": "X-Key", "value": "1"}, {"key": "x-key", "value": "2"}]),
        ("auth_headers", [{"key": f"X-{n}", "value": "x"} for n in range(21)]),
    ],
)
def test_what_cannot_work_is_refused_by_name(admin: User, field: str, value: Any) -> None:
    """F50: an address that is never called is not even stored."""
    with pytest.raises(InvalidInput) as refused:
        create(admin, **{field: value})

    assert set(refused.value.fields) == {field}


def test_the_mapping_names_the_field_whose_path_is_wrong(admin: User) -> None:
    with pytest.raises(InvalidInput) as refused:
        create(admin, field_mapping={"resource_type": "$.kind", "tags": "$.["})

    assert set(refused.value.fields) == {"field_mapping.tags"}


def test_a_header_without_a_value_keeps_it_and_a_missing_one_is_removed(admin: User) -> None:
    source = a_source(auth_headers={"X-Key": "one", "X-Team": "two", "X-Old": "three"})

    given = [{"key": "X-Key"}, {"key": "X-Team", "value": "new"}]
    update_source(source, user=admin, auth_headers=given)

    source.refresh_from_db()
    assert source.auth_headers == {"X-Key": "one", "X-Team": "new"}


def test_other_changes_leave_the_headers_alone(admin: User) -> None:
    source = a_source(auth_headers={"X-Key": "one"})

    update_source(source, user=admin, name="renamed", api_endpoint=f"{source.api_endpoint}/new")

    source.refresh_from_db()
    assert (source.name, source.auth_headers) == ("renamed", {"X-Key": "one"})


def test_values_are_not_kept_for_another_server(admin: User) -> None:
    """Who may change the address must not learn the values that way."""
    source = a_source(auth_headers={"X-Key": "one"})

    with pytest.raises(InvalidInput) as refused:
        update_source(source, user=admin, api_endpoint="https://thief.example.com/")
    update_source(
        source,
        user=admin,
        api_endpoint="https://new.example.com/",
        auth_headers=[{"key": "X-Key", "value": "two"}],
    )

    assert set(refused.value.fields) == {"auth_headers"}
    source.refresh_from_db()
    assert source.auth_headers == {"X-Key": "two"}

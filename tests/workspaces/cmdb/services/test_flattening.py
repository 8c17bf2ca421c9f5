"""Rows from states."""

import json
from pathlib import Path

import pytest

from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import resource_ids
from tests.workspaces.cmdb.states import instance, resource, state
from workspaces.cmdb.models import ResourceIndex
from workspaces.cmdb.services.flattening import flatten, provider_name
from workspaces.cmdb.services.secrets import Secrets
from workspaces.cmdb.services.texts import MAX_KEY_BYTES

FIXTURES = Path(__file__).parents[3] / "iacplatform" / "terraform" / "fixtures"
NO_SECRETS = Secrets([])


def rows_of(*resources: object) -> dict[str, ResourceIndex]:
    return flatten(state(*resources), version=1, secrets=NO_SECRETS)  # type: ignore[arg-type]


def only(*resources: object) -> ResourceIndex:
    (row,) = rows_of(*resources).values()
    return row


@pytest.mark.parametrize("engine", ["1_0", "1_15"])
def test_the_addresses_are_those_of_the_engine(engine: str) -> None:
    content = (FIXTURES / f"state_terraform_{engine}.tfstate").read_bytes()

    found = flatten(content, version=1, secrets=NO_SECRETS)

    assert {
        address: row.cloud_resource_id for address, row in found.items() if row.cloud_resource_id
    } == resource_ids(content)


def test_a_resource_in_nested_modules_has_its_path() -> None:
    row = only(
        resource(
            "aws_subnet.one",
            instance(id="subnet-1") | {"index_key": 'a"b.c'},
            module='module.net["eu.west/1"].module.subnet[0]',
        )
    )

    assert (
        row.terraform_address
        == 'module.net["eu.west/1"].module.subnet[0].aws_subnet.one["a\\"b.c"]'
    )
    assert row.index_key == 'a"b.c'
    assert row.module_path == 'module.net["eu.west/1"].module.subnet[0]'
    assert row.parent_module_path == 'module.net["eu.west/1"]'
    assert (row.module_depth, row.root_module_name) == (2, "net")


def test_a_name_is_the_tag_the_attribute_or_the_id() -> None:
    rows = rows_of(
        resource("aws_x.tag", instance(id="i-1", name="b", tags={"Name": "a"})),
        resource("aws_x.name", instance(id="i-2", name="b", tags={"Team": "t"})),
        resource("aws_x.id", instance(id="i-3")),
        resource("aws_x.none", instance(id=None)),
    )

    assert [row.cloud_resource_name for row in rows.values()] == ["a", "b", "i-3", ""]


def test_what_an_arn_tells_of_region_and_account_is_taken_where_the_attributes_do_not() -> None:
    arn = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1"
    told = only(resource("aws_instance.a", instance(id="i-1", arn=arn)))
    named = only(
        resource(
            "google_x.b",
            instance(id="i-2", location="europe-west4", project="shop", labels={"env": "prod"}),
            provider='module.x.provider["registry.terraform.io/hashicorp/google"].west',
        )
    )

    assert (told.cloud_provider, told.cloud_region, told.cloud_account_id) == (
        "aws",
        "eu-west-1",
        "123456789012",
    )
    assert (named.cloud_provider, named.cloud_region, named.cloud_account_id) == (
        "google",
        "europe-west4",
        "shop",
    )
    assert named.tags == {"env": "prod"}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ('provider["registry.terraform.io/hashicorp/aws"]', "aws"),
        ('provider["registry.terraform.io/hashicorp/aws"].west', "aws"),
        ('module.a.provider["example.com:8443/shop/thing-1"]', "thing-1"),
        ('provider["terraform.io/builtin/terraform"]', "terraform"),
        ("provider.aws.west", "aws"),
        ("module.a.provider.google-beta", "google-beta"),
        ("nothing", ""),
        (None, ""),
    ],
)
def test_a_provider_is_known_by_its_short_name(address: object, name: str) -> None:
    assert provider_name(address) == name


def test_data_sources_and_what_a_failed_replacement_left_are_not_indexed() -> None:
    rows = rows_of(
        resource("aws_ami.newest", mode="data"),
        resource(
            "aws_instance.web", instance(id="i-2"), instance(id="i-1") | {"deposed": "0a1b2c3d"}
        ),
    )

    assert [row.cloud_resource_id for row in rows.values()] == ["i-2"]


def test_attributes_that_are_too_large_are_left_out_and_their_size_is_told() -> None:
    row = only(resource("aws_x.y", instance(id="i", policy="x" * 5000, list=["y" * 5000], n=[1])))

    assert row.attributes == {
        "id": "i",
        "policy": "(5,000 characters, left out)",
        "list": "(5,004 characters, left out)",
        "n": [1],
    }


def test_what_postgresql_cannot_store_is_replaced() -> None:
    content = state(resource("aws_x.y", instance(id="a\0b", half="\ud800", deep={"\0": ["\0"]})))

    row = flatten(content, version=1, secrets=NO_SECRETS)["aws_x.y"]

    assert row.cloud_resource_id == "a\ufffdb"
    assert row.attributes["deep"] == {"\ufffd": ["\ufffd"]}
    json.dumps(row.attributes, ensure_ascii=False).encode()


def test_values_that_are_nested_very_deeply_do_no_harm() -> None:
    deep = json.loads("[" * 450 + "]" * 450)

    row = only(resource("aws_x.y", instance(id="i", deep=deep)))

    assert row.terraform_address == "aws_x.y"
    assert "left out" in str(row.attributes.get("deep", "left out"))


@pytest.mark.parametrize(
    "attributes",
    [
        {"id": 7, "tags": ["no map"], "arn": {"a": 1}, "description": None},
        {"id": "i", "input": {"value": "x", "type": {"a": 1}}},
        {"id": True, "name": 1.5, "tags": {"Name": 3}},
    ],
)
def test_attributes_of_unusual_types_do_no_harm(attributes: dict[str, object]) -> None:
    row = only(resource("aws_x.y", instance(**attributes) | {"index_key": None}, module=""))

    assert (row.terraform_address, row.index_key) == ("aws_x.y", "")


def test_an_address_that_is_too_long_for_an_index_is_cut_and_stays_unique() -> None:
    long = "é" * 3000
    rows = rows_of(
        resource(
            "aws_x.y",
            instance(id="1") | {"index_key": f"{long}1"},
            instance(id="2") | {"index_key": f"{long}2"},
        )
    )

    assert len(rows) == 2
    assert all(len(address.encode()) <= MAX_KEY_BYTES for address in rows)


def test_the_same_state_has_the_same_digests_and_another_has_others() -> None:
    first, again = (only(resource("aws_x.y", instance(id="i", size=1))) for _ in range(2))
    other = only(resource("aws_x.y", instance(id="i", size=2)))

    assert first.digest == again.digest != other.digest


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(StateError, match="not JSON"):
        flatten(b"{", version=1, secrets=NO_SECRETS)

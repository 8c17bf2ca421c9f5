import json
from collections.abc import Callable
from typing import Any

import pytest

from iacplatform.terraform.exceptions import StateError
from iacplatform.terraform.state import is_newer, read_state, resource_ids, state_outputs

Captured = Callable[[str], bytes]


def state(**changes: Any) -> bytes:
    """A state without resources."""
    content = {"version": 4, "serial": 1, "lineage": "l-1", "outputs": {}, "resources": []}
    return json.dumps({**content, **changes}).encode()


def resource(*instances: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A managed resource ``t.r`` of a state."""
    return {"mode": "managed", "type": "t", "name": "r", "instances": list(instances), **changes}


def test_a_state_of_terraform_1_15_is_read(captured: Captured) -> None:
    info = read_state(captured("state_terraform_1_15.tfstate"))
    assert info.terraform_version == "1.15.5"
    assert info.resource_count == 13
    assert info.serial > 0
    assert info.lineage
    assert info.outputs["static"]["value"] == {"a": [1, 2]}


def test_the_sensitive_outputs_of_a_read_state_are_masked(captured: Captured) -> None:
    info = read_state(captured("state_terraform_1_15.tfstate"))
    assert info.outputs["sec"] == {
        "value": "***SENSITIVE***",
        "type": "string",
        "sensitive": True,
    }
    assert "hunter22" not in repr(info)


def test_outputs_are_shown_in_full_to_who_may_see_them(captured: Captured) -> None:
    outputs = state_outputs(captured("state_terraform_1_15.tfstate"), mask=False)
    assert outputs["sec"]["value"] == "hunter22"


def test_ids_go_by_the_addresses_that_terraform_prints(captured: Captured) -> None:
    ids = resource_ids(captured("state_terraform_1_15.tfstate"))
    created = captured("create_terraform_1_15.txt").decode()
    assert len(ids) == 13
    for address, resource_id in ids.items():
        assert f"\n{address}: Creation complete after " in created
        assert f" [id={resource_id}]\n" in created


def test_data_sources_and_deposed_objects_are_no_resources(captured: Captured) -> None:
    content = captured("state_terraform_1_0.tfstate")
    deposed = [
        i for r in json.loads(content)["resources"] for i in r["instances"] if "deposed" in i
    ]
    assert len(deposed) == 1
    assert read_state(content).resource_count == 4
    assert set(resource_ids(content)) == {
        "null_resource.bad",
        'null_resource.a["$${x}"]',
        'null_resource.a["a/b:c d@e"]',
        'null_resource.a["q\\"x"]',
    }


def test_modules_counts_and_keys_are_part_of_the_address() -> None:
    content = state(
        resources=[
            resource(
                {"index_key": 0, "attributes": {"id": "i-0"}},
                {"index_key": 'q"\n${x}', "attributes": {"id": "i-1"}},
                module='module.a["k.1"].module.b[0]',
            )
        ]
    )
    assert resource_ids(content) == {
        'module.a["k.1"].module.b[0].t.r[0]': "i-0",
        'module.a["k.1"].module.b[0].t.r["q\\"\\n$${x}"]': "i-1",
    }


def test_a_resource_without_an_id_is_counted_but_has_none() -> None:
    content = state(
        resources=[resource({"attributes": {"name": "x"}}), resource({"attributes": []})]
    )
    assert read_state(content).resource_count == 2
    assert resource_ids(content) == {}


def test_flat_attributes_of_an_old_engine_have_an_id_too() -> None:
    content = state(resources=[resource({"attributes_flat": {"id": "i-0"}})])
    assert resource_ids(content) == {"t.r": "i-0"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{}", "format version None"),
        (state(version=3), "format version 3"),
        (state(lineage=""), "`lineage` must be a text"),
        (state(lineage=5), "`lineage` must be a text"),
        (state(serial="1"), "`serial` must be a whole number"),
        (state(serial=True), "`serial` must be a whole number"),
        (state(serial=1.5), "`serial` must be a whole number"),
        (state(serial=-1), "`serial` must be a whole number"),
        (state(serial=2**63), "`serial` must be a whole number"),
        (state(resources={"a": 1}), "`resources` must be a list of objects"),
        (state(resources=["a"]), "`resources` must be a list of objects"),
        (state(resources=[{"instances": "a"}]), "`instances` of each resource"),
        (state(outputs=[1]), "`outputs` must be an object of objects"),
        (state(outputs={"a": 1}), "`outputs` must be an object of objects"),
        (state(encrypted_data="x"), "encrypted by OpenTofu"),
    ],
)
def test_what_is_not_a_state_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(StateError, match=sentence) as raised:
        read_state(content)
    assert str(raised.value).endswith(".")


def test_a_state_without_outputs_and_resources_is_empty() -> None:
    info = read_state(state(outputs=None, resources=None))
    assert (info.resource_count, info.outputs, info.terraform_version) == (0, {}, "")


@pytest.mark.parametrize(
    ("candidate", "newer"),
    [
        (state(serial=3), True),
        (state(serial=2), False),
        (state(serial=1), False),
        (state(serial=3, lineage="l-2"), False),
        (state(serial=3)[:-1], False),
        (b"", False),
    ],
)
def test_only_a_whole_state_of_the_same_lineage_and_a_higher_serial_is_newer(
    candidate: bytes, newer: bool
) -> None:
    assert is_newer(candidate, state(serial=2)) is newer


def test_the_first_whole_state_is_newer_than_none() -> None:
    assert is_newer(state(), None)
    assert not is_newer(b"{", None)


def test_a_broken_current_state_is_an_error_and_not_overwritten() -> None:
    with pytest.raises(StateError):
        is_newer(state(), b"{")

import os
from collections.abc import Callable, Iterable

import pytest

from iacplatform.terraform.apply_output import ApplyOutputParser, ResourceEvent

Captured = Callable[[str], bytes]


def events(output: str | Iterable[str], *replaced: str) -> list[ResourceEvent]:
    """All events of an output, given line by line."""
    parser = ApplyOutputParser(set(replaced))
    lines = output.splitlines() if isinstance(output, str) else output
    found = [event for line in lines for event in parser.feed(line)]
    return found + parser.finish()


def kinds(found: list[ResourceEvent], address: str) -> list[str]:
    return [f"{event.kind} {event.action}" for event in found if event.address == address]


def test_every_created_resource_is_started_and_completed_once(captured: Captured) -> None:
    """F24"""
    found = events(captured("create_terraform_1_15.txt").decode())
    assert len(found) == 2 * 13
    for key in ["a/b:c d@e", 'quo\\"te', "br]ack[et", "back\\\\slash", "new\\nline", "$${x}"]:
        assert kinds(found, f'terraform_data.odd["{key}"]') == [
            "started create",
            "completed create",
        ]


def test_the_ids_of_created_resources_are_read(captured: Captured) -> None:
    found = events(captured("create_terraform_1_15.txt").decode())
    ids = {event.address: event.resource_id for event in found if event.kind == "completed"}
    assert ids['terraform_data.odd["br]ack[et"]'] == "5c9d0019-1bf5-17a1-aa94-bd20b4ba27fa"
    assert ids['module.m["p.q"].terraform_data.inner["x y"]'] == (
        "3867edf7-de5d-19ba-e89f-778795e3ffcb"
    )


def test_what_a_provisioner_prints_says_nothing_of_a_resource(captured: Captured) -> None:
    output = captured("create_terraform_1_15.txt").decode()
    assert "(local-exec): terraform_data.one: Creation complete after 0s [id=fake]" in output
    assert "fake" not in {event.resource_id for event in events(output)}


@pytest.fixture
def mixed(captured: Captured) -> list[ResourceEvent]:
    """The events of an apply that replaces in both orders, updates, destroys, reads and fails."""
    output = captured("apply_terraform_1_15.txt").decode()
    replaced = ["terraform_data.cbd", "terraform_data.count[0]", "terraform_data.count[1]"]
    return events(output, *replaced)


def test_a_replacement_is_completed_after_both_halves(mixed: list[ResourceEvent]) -> None:
    """F24"""
    assert kinds(mixed, "terraform_data.count[0]") == ["started delete", "completed create"]
    completed = [event for event in mixed if event.address == "terraform_data.count[0]"][-1]
    assert completed.resource_id == "2b4577e1-088f-1d61-28ab-10e5acaf16a1"


def test_a_replacement_that_creates_first_is_completed_after_both_halves(
    mixed: list[ResourceEvent],
) -> None:
    """F24"""
    assert kinds(mixed, "terraform_data.cbd") == ["started create", "completed create"]
    completed = [event for event in mixed if event.address == "terraform_data.cbd"][-1]
    assert completed.resource_id == "273e3756-b539-c9f3-1409-1890af4096f7"


def test_half_a_replacement_is_not_completed() -> None:
    output = "a.b: Destroying... [id=1]\na.b: Destruction complete after 1s\na.b: Creating..."
    assert kinds(events(output, "a.b"), "a.b") == ["started delete"]


def test_updates_deletions_and_reads_are_told_apart(mixed: list[ResourceEvent]) -> None:
    assert kinds(mixed, "terraform_data.one") == ["started update", "completed update"]
    assert kinds(mixed, 'terraform_data.odd["$${x}"]') == ["started delete", "completed delete"]
    assert kinds(mixed, "data.terraform_remote_state.late") == ["started read", "completed read"]


def test_a_failure_carries_its_whole_error(mixed: list[ResourceEvent]) -> None:
    failed = [event for event in mixed if event.kind == "failed"]
    assert [event.address for event in failed] == ['terraform_data.bad["a/b:c d@e"]']
    assert failed[0].action == "create"
    assert failed[0].error.startswith("Error: local-exec provisioner error")
    assert failed[0].error.endswith("Output: Error: mine\noops")


def test_boxed_and_coloured_output_of_terraform_1_0_is_read_alike(captured: Captured) -> None:
    output = captured("apply_terraform_1_0_colour.txt").decode()
    address = 'null_resource.a["${x}"]'
    found = events(output, address, "null_resource.bad")
    assert kinds(found, address) == ["started delete", "completed create"]
    assert kinds(found, "null_resource.bad") == ["started create", "failed create"]
    assert kinds(found, "data.null_data_source.d") == ["started read", "completed read"]


@pytest.mark.parametrize("ending", [" (deposed object 1a2b3c4d)", ""])
def test_a_deposed_object_of_an_earlier_apply_is_followed_by_its_own_address(ending: str) -> None:
    output = (
        "a.b (deposed object 1a2b3c4d): Destroying... [id=1]\n"
        f"a.b{ending}: Destruction complete after 0s"
    )
    assert kinds(events(output), "a.b (deposed object 1a2b3c4d)") == [
        "started delete",
        "completed delete",
    ]
    assert kinds(events(output), "a.b") == []


def test_a_left_over_object_does_not_complete_a_replacement_twice() -> None:
    output = """\
a.b: Creating...
a.b: Creation complete after 0s [id=2]
a.b (deposed object 0881dfbf): Destroying... [id=1]
a.b: Destruction complete after 0s
a.b (deposed object a2c0627f): Destroying... [id=0]
a.b: Destruction complete after 0s"""
    assert kinds(events(output, "a.b"), "a.b") == ["started create", "completed create"]


@pytest.mark.parametrize(
    ("suffix", "resource_id"),
    [
        ("1m2s [id=vpc-1]", "vpc-1"),
        ("0s", ""),
        ("1h0m3s [id=arn:x[0]:[id=y]]", "arn:x[0]:[id=y]"),
        ("2s [id=]", ""),
        ("2s [name=web]", ""),
        ("01m02s [id=a b]", "a b"),
    ],
)
def test_a_completion_may_have_any_duration_and_id(suffix: str, resource_id: str) -> None:
    (event,) = events(f"aws_vpc.x: Creation complete after {suffix}")
    assert event == ResourceEvent("aws_vpc.x", "completed", "create", resource_id)


@pytest.mark.parametrize(
    "line",
    [
        "a.b: Still creating... [10s elapsed]",
        "a.b: Still creating... [00m10s elapsed]",
        "a.b: Still creating... [id=x, 10s elapsed]",
        "a.b: Refreshing state... [id=x]",
        "a.b: Provisioning with 'local-exec'...",
        "a.b (local-exec): a.b: Creating...",
        "a.b: Importing... [id=x]",
        "a.b: Import complete [id=x]",
        "ephemeral.a.b: Opening complete after 0s",
        " a.b: Creating...",
        "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
        'o = "a.b: Creating..."',
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    assert events(line) == []


def test_a_key_that_looks_like_a_message_is_part_of_the_address() -> None:
    address = 'a.b["x: Creation complete after 0s [id=1]"]'
    assert events(f"{address}: Creating...") == [ResourceEvent(address, "started", "create")]


def test_an_error_is_told_when_its_box_ends() -> None:
    parser = ApplyOutputParser()
    parser.feed("module.m.a.b[0]: Modifying... [id=x]")
    for line in [
        "╷",
        "│ Error: denied",
        "│ ",
        "│   with module.m.a.b[0],",
        "│   on m/main.tf line 1",
    ]:
        assert parser.feed(line) == []
    (event,) = parser.feed("╵")
    assert (event.address, event.kind, event.action) == ("module.m.a.b[0]", "failed", "update")
    assert event.error == "Error: denied\n\n  with module.m.a.b[0],\n  on m/main.tf line 1"


def test_each_of_several_errors_fails_its_resource() -> None:
    output = "Error: x\n\n  with a.b,\n\nError: y\n\n  with c.d[0],\n\nWarning: z\n\n  with e.f,\n"
    found = events(output)
    assert [(e.address, e.action, e.error) for e in found] == [
        ("a.b", None, "Error: x\n\n  with a.b,"),
        ("c.d[0]", None, "Error: y\n\n  with c.d[0],"),
    ]


def test_an_error_without_a_resource_fails_none() -> None:
    assert events("Error: Invalid provider configuration\n\n  on main.tf line 1:\n") == []


def test_progress_between_the_lines_of_an_error_is_still_seen() -> None:
    """Both streams of the engine are read at once, so that their lines may mix."""
    output = "Error: x\na.b: Creation complete after 0s [id=1]\n  with c.d,"
    found = events(output)
    assert [(event.address, event.kind) for event in found] == [
        ("a.b", "completed"),
        ("c.d", "failed"),
    ]
    assert found[1].error == "Error: x\n  with c.d,"


@pytest.mark.timeout(20)
def test_no_line_is_too_weird() -> None:
    """H4, F21"""
    weird = [
        "",
        "\n",
        "\x00\xff\ud800",
        os.urandom(100_000).decode("latin-1"),
        "x" * 10_000_000,
        "module.a." * 1_000_000,
        'a.b["' + '\\"' * 5_000_000,
        "Error: " + "y" * 10_000_000,
        "a.b: Creation complete after " + "[id=" * 1_000_000,
        "\x1b[" * 1_000_000,
    ]
    assert events(weird) == []

"""What a body refers to, and what others may refer to in it."""

from typing import Any

import pytest

from iacplatform.terraform.references import defined_names, referred_names


def refers(value: Any) -> set[str]:
    return referred_names({"resource": {"null_resource": {"own": {"x": value}}}})


def test_all_kinds_of_names_are_defined() -> None:
    body = {
        "resource": [{"aws_vpc": {"main": {}}}],
        "data": {"aws_ami": [{"newest": {}}]},
        "module": {"network": {}},
        "locals": {"region": "eu"},
        "variable": {"name": {}},
        "output": {"not": {}},
    }
    assert defined_names(body) == {
        "aws_vpc.main",
        "data.aws_ami.newest",
        "module.network",
        "local.region",
        "var.name",
    }
    assert defined_names({"resource": 5}) == set()


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("${aws_vpc.main.id}", {"aws_vpc.main"}),
        ("${aws_vpc.main[0].id}-${module.network.id}", {"aws_vpc.main", "module.network"}),
        ("${data.aws_ami.newest.id}", {"data.aws_ami.newest"}),
        ("%{ if local.a }x%{ endif }", {"local.a"}),
        ('${f("text ${aws_vpc.main.id} more.text")}', {"aws_vpc.main"}),
        ({"deep": ["${aws_vpc.main}"]}, {"aws_vpc.main"}),
        ({"${aws_vpc.main.id}": 1}, {"aws_vpc.main"}),
        ("aws_vpc.main.id", set()),
        ("$${aws_vpc.main.id}", set()),
        ('${f("aws_vpc.main")}', set()),
        ("${/* aws_vpc.main */ 1}", set()),
        ("${null_resource.own.id}", set()),
        ("${not closed aws_vpc.main", set()),
        (5, set()),
    ],
)
def test_expressions_refer_and_text_does_not(value: Any, names: set[str]) -> None:
    assert refers(value) == names


def test_depends_on_is_written_without_an_expression() -> None:
    body = {"module": {"a": {"depends_on": ["aws_vpc.main"], "text": "aws_vpc.other"}}}
    assert referred_names(body) == {"aws_vpc.main"}

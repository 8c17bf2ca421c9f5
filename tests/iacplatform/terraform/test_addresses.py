import re
from typing import Any

import pytest

from iacplatform.terraform.addresses import (
    ADDRESS,
    resource_addresses,
    split_cli_args,
    split_targets,
)
from iacplatform.terraform.exceptions import ConfigurationError


@pytest.mark.parametrize(
    ("body", "addresses"),
    [
        ({}, []),
        ({"module": {"aws_s3_bucket_logs": {"source": "./m"}}}, ["module.aws_s3_bucket_logs"]),
        ({"module": [{"a": [{"source": "./m"}]}, {"b": {}}]}, ["module.a", "module.b"]),
        ({"resource": {"aws_vpc": {"main": {}, "dr": {}}}}, ["aws_vpc.main", "aws_vpc.dr"]),
        ({"resource": [{"aws_vpc": [{"main": [{}]}]}]}, ["aws_vpc.main"]),
        ({"resource": {"a": {"b": {}}}, "module": {"m": {}}}, ["module.m", "a.b"]),
        ({"data": {"a": {"b": {}}}, "locals": {"x": 1}, "output": {"o": {}}}, []),
    ],
)
def test_the_addresses_of_a_body_are_its_modules_and_resources(
    body: dict[str, Any], addresses: list[str]
) -> None:
    """F29"""
    assert resource_addresses(body) == addresses


def test_a_body_that_is_not_of_json_syntax_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"resource\.aws_vpc must be an object"):
        resource_addresses({"resource": {"aws_vpc": "main"}})


@pytest.mark.parametrize(
    "address",
    [
        "aws_vpc.main",
        "data.aws_ami.x",
        "aws_vpc.main[0]",
        'aws_vpc.main["a/b:c d@e"]',
        r'aws_vpc.main["quo\"te\\"]',
        'module.a.module.b["k.1"].data.aws_ami.x["]: Creating..."]',
        "module.module.data.data",
    ],
)
def test_the_address_expression_matches_what_terraform_prints(address: str) -> None:
    assert re.fullmatch(ADDRESS, address)


@pytest.mark.parametrize("text", ["aws_vpc", "aws_vpc.main[", 'a.b["c]', "a b.c", "1a.b", "a.b.c"])
def test_the_address_expression_matches_nothing_else(text: str) -> None:
    assert not re.fullmatch(ADDRESS, text)


def test_cli_arguments_are_split_as_a_shell_does() -> None:
    value = """-parallelism=3 -target='a.b["k 1"]' -var "x=a b" y\\ z"""
    assert split_cli_args(value) == (
        "-parallelism=3",
        '-target=a.b["k 1"]',
        "-var",
        "x=a b",
        "y z",
    )


def test_cli_arguments_are_not_expanded() -> None:
    assert split_cli_args("$HOME `id` * #x") == ("$HOME", "`id`", "*", "#x")


def test_an_unclosed_quotation_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="TF_CLI_ARGS"):
        split_cli_args("-target='a.b")


@pytest.mark.parametrize(
    ("arguments", "targets", "others"),
    [
        (["-target=a.b", "--target=c.d", "-lock=false"], ("a.b", "c.d"), ("-lock=false",)),
        (["-target", 'a.b["x"]', "-x"], ('a.b["x"]',), ("-x",)),
        (["-targets=a", "-x=-target=a"], (), ("-targets=a", "-x=-target=a")),
        (["-target"], (), ()),
    ],
)
def test_targets_are_separated_in_every_spelling(
    arguments: list[str], targets: tuple[str, ...], others: tuple[str, ...]
) -> None:
    assert split_targets(arguments) == (targets, others)

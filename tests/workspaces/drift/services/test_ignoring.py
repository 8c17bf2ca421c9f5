"""What ignore rules apply to."""

import time

import pytest

from workspaces.drift.models import DriftIgnoreRule
from workspaces.drift.services.ignoring import ignored_paths, is_like, rule_for_object


@pytest.mark.parametrize(
    ("text", "pattern", "fits"),
    [
        ("aws_instance.web", "aws_instance.web", True),
        ("aws_instance.web[0]", "aws_instance.web", False),
        ("aws_instance.web[0]", "aws_instance.web[0]", True),
        ("aws_instance.web0", "aws_instance.web[0]", False),
        ("aws_instance.web[0]", "aws_instance.*", True),
        ("module.a.aws_instance.web", "*.aws_instance.*", True),
        ("module.a.aws_instance.web", "module.a*web", True),
        ("module.a", "module.a*a", False),
        ("anything", "*", True),
        ("", "*", True),
        ("a.b", "a?b", False),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_is_special(
    text: str, pattern: str, fits: bool
) -> None:
    assert is_like(text, pattern) is fits


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    began = time.perf_counter()

    assert not is_like("a" * 10_000, "*a" * 200 + "b")

    assert time.perf_counter() - began < 1


def rule(pattern: str, path: str = "") -> DriftIgnoreRule:
    return DriftIgnoreRule(
        rule_id=f"dir-{path or 'all'}", address_pattern=pattern, attribute_path=path
    )


def test_a_rule_without_a_path_ignores_the_object() -> None:
    assert rule_for_object([rule("a.b", "tags"), rule("a.*")], "a.b") == "dir-all"
    assert rule_for_object([rule("a.b", "tags")], "a.b") == ""


@pytest.mark.parametrize(
    ("pattern", "ignored"),
    [
        ("tags", ["tags.owner", 'tags["a b"]']),
        ("tags.owner", ["tags.owner"]),
        ("tag", []),
        ("rule[*].port", ["rule[0].port", "rule[1].port"]),
        ("rule", ["rule[0].port", "rule[1].port"]),
        ("*", ["tags.owner", 'tags["a b"]', "rule[0].port", "rule[1].port"]),
    ],
)
def test_a_rule_with_a_path_ignores_what_differs_there_or_below(
    pattern: str, ignored: list[str]
) -> None:
    paths = ["tags.owner", 'tags["a b"]', "rule[0].port", "rule[1].port"]

    assert ignored_paths([rule("a.b", pattern)], "a.b", paths) == ignored
    assert ignored_paths([rule("a.c", pattern)], "a.b", paths) == []

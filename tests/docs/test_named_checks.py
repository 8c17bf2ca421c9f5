"""Each named check of the reference (its §8) about who may do what has a test that names it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
NAMED = ("F3", "F18", "F29", "F30", "F42", "F44", "F46", "F47", "F51", "F52", "L4", "H6")
CHECK = re.compile(r"(?<![A-Za-z0-9])[A-Z]\d+(?![A-Za-z0-9-])")


def functions_of(page: Path) -> Iterator[ast.FunctionDef]:
    """The test functions of a file."""
    for node in ast.walk(ast.parse(page.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def checks_of(test: ast.FunctionDef) -> set[str]:
    """The checks that a test names: in its name, such as ``test_f30_…``, or in its docstring."""
    in_name = re.findall(r"(?<=_)[a-z]\d+(?=_)", test.name)
    return {each.upper() for each in in_name} | set(CHECK.findall(ast.get_docstring(test) or ""))


@pytest.fixture(scope="module")
def named() -> dict[str, list[str]]:
    """Check → the tests that name it."""
    found: dict[str, list[str]] = {}
    for page in sorted(TESTS.rglob("test_*.py")):
        for test in functions_of(page):
            for check in checks_of(test):
                found.setdefault(check, []).append(f"{page.relative_to(TESTS)}::{test.name}")
    return found


@pytest.mark.parametrize("check", NAMED)
def test_a_named_check_has_a_test_that_names_it(check: str, named: dict[str, list[str]]) -> None:
    assert named.get(check)

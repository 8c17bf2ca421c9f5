"""The documentation names all there is, and nothing that is not there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.urls import URLPattern, URLResolver, get_resolver

from iacplatform.embedded.__main__ import COMMANDS
from workspaces.consumers import CLOSE_CODES
from workspaces.routing import websocket_urlpatterns
from workspaces.task_status import ALLOWED_MOVES, Stage, StageStatus, TaskStatus, TaskType

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
REFERENCE = {path.stem: path.read_text() for path in (DOCS / "reference").glob("*.md")}
API_PREFIX = "/api/v1"
OUR_APPS = ("iacplatform", "workspaces", "executor", "runtasks", "notifications", "triggers")
ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def table_rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row of a page."""
    for row in ROW.findall(text):
        yield [cell.strip() for cell in row.split(" | ")]


def code_of(cell: str) -> str:
    """What a cell that is nothing but code says, empty for any other."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    return match[1] if match else ""


# --- Settings


def settings_read() -> dict[str, ast.expr | None]:
    """Names that ``settings/base.py`` reads from the environment, each with its default."""
    tree = ast.parse((ROOT / "iacplatform" / "settings" / "base.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and reads(node.func)]
    return {
        str(call.args[0].value): call.args[1] if len(call.args) > 1 else None
        for call in calls
        if isinstance(call.args[0], ast.Constant)  # `secret` itself reads a name it was given
    }


def reads(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "env"
    return isinstance(function, ast.Name) and function.id == "secret"


def settings_documented() -> dict[str, str]:
    """Names in the tables of the settings page, each with its cell for the default."""
    rows = table_rows(REFERENCE["settings"])
    return {name: cells[1] for cells in rows if (name := code_of(cells[0]))}


def as_environment(default: ast.expr) -> str | None:
    """A literal default as one would write it in the environment; ``None`` for a computed one."""
    if any(isinstance(node, ast.Name | ast.Call) for node in ast.walk(default)):
        return None
    value: Any = eval(compile(ast.Expression(default), "default", "eval"))  # noqa: S307
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_settings_page_has_every_setting_and_no_other() -> None:
    assert sorted(settings_documented()) == sorted(settings_read())


def test_the_settings_page_has_the_right_defaults() -> None:
    documented = settings_documented()
    literal = {name: as_environment(node) for name, node in settings_read().items() if node}
    wrong = {
        name: (documented.get(name), default)
        for name, default in literal.items()
        if default is not None and documented.get(name) != (f"`{default}`" if default else "empty")
    }

    assert len(literal) > 20
    assert wrong == {}


# --- Commands


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def our_commands() -> dict[str, BaseCommand]:
    return {
        name: load_command_class(app, name)
        for name, app in get_commands().items()
        if isinstance(app, str) and app.split(".")[0] in OUR_APPS
    }


def own_options(command: BaseCommand) -> set[str]:
    """The options that a command declares itself."""
    common = BaseCommand().create_parser("manage.py", "none")._option_string_actions
    return set(command.create_parser("manage.py", "one")._option_string_actions) - set(common)


def commands_documented(prefix: str) -> set[str]:
    """Commands that have a row of their own in a table of the commands page."""
    firsts = (code_of(cells[0]) for cells in table_rows(REFERENCE["commands"]))
    return {first.removeprefix(prefix) for first in firsts if first.startswith(prefix)}


def test_the_commands_page_has_every_make_target_and_no_other() -> None:
    assert commands_documented("make ") == make_targets()


def test_the_commands_page_has_every_subcommand_of_the_embedded_platform_and_no_other() -> None:
    assert commands_documented("python -m iacplatform.embedded ") == set(COMMANDS)


def test_the_commands_page_has_every_management_command_of_ours() -> None:
    assert set(our_commands()) <= commands_documented("manage.py ")


@pytest.mark.parametrize("name", sorted(our_commands()))
def test_the_commands_page_has_every_option_of_a_management_command(name: str) -> None:
    options = own_options(our_commands()[name])
    section = REFERENCE["commands"].partition(f"\n### {name}\n")[2].partition("\n#")[0]
    documented = {code_of(cells[0]) for cells in table_rows(section)}

    assert options == {option for option in documented if option.startswith("--")}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`]+`", page.read_text(), re.DOTALL))
    targets = set(re.findall(r"\bmake ([a-z-]+)\b", code))
    commands = set(re.findall(r"manage\.py ([a-z_]+)", code))

    assert targets <= make_targets()
    assert commands <= set(get_commands())


def test_the_readme_names_the_command_that_ci_runs() -> None:
    steps = (ROOT / ".ci" / "run").read_text().splitlines()

    assert "make check" in steps
    assert "make check" in (ROOT / "README.md").read_text()


# --- API


def api_operations() -> set[tuple[str, str]]:
    """Method and path of every operation below ``/api/v1``, from the addresses themselves."""
    found = set()
    for path, callback in walk(get_resolver().url_patterns):
        if path.startswith(API_PREFIX):
            found |= {(method, path) for method in methods_of(callback)}
    return found


def walk(patterns: Any, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def methods_of(callback: Any) -> set[str]:
    """The methods that a view answers; none for the view of addresses that do not exist."""
    if actions := getattr(callback, "actions", None):
        return {method.upper() for method in actions} - {"HEAD"}
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    names = ("get", "post", "put", "patch", "delete")
    return {name.upper() for name in names if view and hasattr(view, name)}


def filters_of_lists() -> dict[str, set[str]]:
    """The filters of each view that has some, from the addresses themselves."""
    views = {getattr(callback, "cls", None) for _, callback in walk(get_resolver().url_patterns)}
    return {
        view.__name__: set(view.filterset_class.base_filters)
        for view in views
        if view is not None and getattr(view, "filterset_class", None)
    }


def test_the_api_page_has_every_filter_of_every_list() -> None:
    section = REFERENCE["api"].partition("\n## Lists\n")[2].partition("\n## ")[0]
    documented = [set(re.findall(r"`(\w+)`", cells[1])) for cells in table_rows(section)]
    unnamed = {
        view: filters
        for view, filters in filters_of_lists().items()
        if not any(filters <= each for each in documented)
    }

    assert len(filters_of_lists()) > 20
    assert unnamed == {}


def operations_documented() -> set[tuple[str, str]]:
    return {
        (method, API_PREFIX + path)
        for cells in table_rows(REFERENCE["api"])
        if len(cells) == 3 and (path := code_of(cells[1])).startswith("/")
        for method in cells[0].split(", ")
    }


def test_the_api_page_has_every_operation_and_no_other() -> None:
    sockets = {
        ("WebSocket", path) for path, _ in walk(websocket_urlpatterns) if path.startswith("/api")
    }

    assert len(api_operations()) > 40
    assert operations_documented() == api_operations() | sockets


def test_the_log_stream_page_has_every_close_code() -> None:
    documented = {cells[0] for cells in table_rows(REFERENCE["log-stream"])}

    assert {str(code) for code in CLOSE_CODES.values()} <= documented


# --- Words


@pytest.mark.parametrize("words", [TaskType, TaskStatus, Stage, StageStatus])
def test_the_statuses_page_has_every_word(words: Any) -> None:
    documented = {code_of(cells[0]) for cells in table_rows(REFERENCE["task-statuses-and-stages"])}

    assert set(words.values) <= documented


def test_the_statuses_page_has_the_allowed_moves() -> None:
    section = REFERENCE["task-statuses-and-stages"].partition("Allowed moves:")[2]
    moves = {
        code_of(cells[0]): frozenset(re.findall(r"`(\w+)`", cells[1]))
        for cells in table_rows(section.partition("\nNothing")[0])
        if code_of(cells[0])
    }

    assert moves == ALLOWED_MOVES


# --- Pages


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures that are not on other sites."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_the_index_lists_every_page() -> None:
    listed = {(DOCS / link).resolve() for link in links(DOCS / "index.md")}

    assert {page for page in DOCS.rglob("*.md") if page.name != "index.md"} <= listed


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (DOCS / "decisions").glob("*.md"))

    assert numbers == list(range(1, len(numbers) + 1))


def test_the_readme_has_a_place_for_the_output_of_the_demo() -> None:
    readme = (ROOT / "README.md").read_text()

    assert readme.index("<!-- demo:begin -->") < readme.index("<!-- demo:end -->")

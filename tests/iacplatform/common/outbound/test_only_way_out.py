"""No other code of the project talks to the network: what users type is called through ``outbound`` only."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
PACKAGES = ("iacplatform", "workspaces", "executor", "runtasks", "notifications", "triggers")
# What opens connections, of the standard library and of everything that is installed with the project.
NETWORK = {
    "aiohttp",
    "asyncio.open_connection",
    "authlib",
    "django.core.mail",
    "ftplib",
    "http.client",
    "httpx",
    "imaplib",
    "poplib",
    "pycurl",
    "requests",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "telnetlib",
    "urllib.request",
    "urllib3",
    "websockets",
    "xmlrpc",
}
DYNAMIC = ("import_module", "import_string", "__import__")
# Each has a reason that has nothing to do with addresses that users type.
ALLOWED = {
    "iacplatform/common/outbound/client.py": {"requests", "ssl", "urllib3"},
    "iacplatform/common/outbound/connections.py": {"requests", "socket", "urllib3"},
    # Engines that staff registered, checked by their SHA-256; of urllib a function on paths.
    "executor/core/download.py": {"requests", "urllib.request"},
    # The embedded platform talks to itself.
    "iacplatform/embedded/bench_api.py": {"requests"},
    "iacplatform/embedded/checks.py": {"requests"},
    "iacplatform/embedded/client.py": {"requests", "websockets"},
    "iacplatform/embedded/stack.py": {"requests", "socket"},
    # A run task service to try things with, in a process of its own: it calls the platform back.
    "runtasks/sandbox/callbacks.py": {"requests"},
    # E-mail goes to the operator's own mail server; of smtplib the kinds of its errors.
    "notifications/destinations/email.py": {"django.core.mail", "smtplib"},
    # Authlib's client over a session that sends everything by `outbound`; of requests its responses.
    "iacplatform/accounts/oidc/client.py": {"authlib", "requests"},
    # The host's own name.
    "iacplatform/settings/base.py": {"socket"},
}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def names_used(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a module imports, also by a string, or takes from another module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(DYNAMIC):
            yield from (str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))


def ways_out(tree: ast.AST) -> set[str]:
    """The members of ``NETWORK`` that a module uses."""
    names = set(names_used(tree))
    return {way for way in NETWORK if any(f"{name}.".startswith(f"{way}.") for name in names)}


def test_nothing_else_opens_connections() -> None:
    """F50: every request to an address that a user typed passes one policy."""
    found = {
        str(path.relative_to(ROOT)): ways
        for path in sources()
        if (ways := ways_out(ast.parse(path.read_text())))
    }

    assert found == ALLOWED


def test_the_search_finds_every_way_of_importing() -> None:
    code = """
import socket as s
import urllib.request
from http import client
from requests.adapters import HTTPAdapter
import asyncio
asyncio.open_connection("tasks.example", 80)
importlib.import_module("smtplib")
"""
    expected = {
        "asyncio.open_connection",
        "http.client",
        "requests",
        "smtplib",
        "socket",
        "urllib.request",
    }

    assert ways_out(ast.parse(code)) == expected

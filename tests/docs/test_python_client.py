"""The Python client is made from the OpenAPI document, and the programs of its page run with it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.docs.test_completeness import DOCS, ROOT
from tests.factories import EngineVersionFactory, UserFactory, api_token
from tests.web_server import web_server

__all__ = ["web_server"]
PAGE = (DOCS / "how-to" / "use-the-python-client.md").read_text()
CONFIG = DOCS / "reference" / "openapi-client.yaml"
GENERATOR = Path(sys.executable).with_name("openapi-python-client")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the client, as `make client` makes it, of the API as it is now."""
    directory = tmp_path_factory.mktemp("client")
    document = directory / "openapi.yaml"
    call_command("spectacular", file=str(document), fail_on_warn=True)
    target = directory / "client"
    options = ["--config", str(CONFIG), "--meta", "setup", "--output-path", str(target)]
    made = subprocess.run(
        [str(GENERATOR), "generate", "--path", str(document), *options, "--fail-on-warning"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return target


def programs() -> tuple[str, str]:
    """What the page shows, as one program, and what it says that the first part prints."""
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (printed,) = re.findall(r"It prints:\n\n```\n(.*?)```", PAGE, re.DOTALL)
    return "\n".join(code), printed


@pytest.mark.django_db(transaction=True)
def test_the_programs_of_the_page_run_and_print_what_it_says(
    package: Path, web_server: str
) -> None:
    """In a process of its own, which knows nothing of ours, against the real web server."""
    EngineVersionFactory.create(version="1.9.5", default=True)
    user = UserFactory.create(username="ada", password="correct horse")
    program, printed = programs()

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(package),
            "URL": f"http://{web_server}",
            "TOKEN": api_token(user),
            "USERNAME": "ada",
            "PASSWORD": "correct horse",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=package,
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{printed}Signed in as ada\n"


def test_the_client_has_a_module_for_every_operation(package: Path) -> None:
    described = set(
        re.findall(r"operationId: (\w+)", (package.parent / "openapi.yaml").read_text())
    )
    modules = {path.stem for path in (package / "iacplatform_client" / "api").glob("*/*.py")} - {
        "__init__"
    }

    assert modules == described
    assert len(modules) > 100


def test_make_client_makes_the_same() -> None:
    (recipe,) = re.findall(
        r"^client:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )

    for option in ("--config $(CLIENT_CONFIG)", "--meta setup", "--fail-on-warning"):
        assert option in recipe
    assert f"CLIENT_CONFIG := {CONFIG.relative_to(ROOT)}" in (ROOT / "Makefile").read_text()

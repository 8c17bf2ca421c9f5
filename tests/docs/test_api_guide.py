"""Every command of the API guide, run in a shell against the web server: what it answers is as written."""

import os
import re
import subprocess

import pytest
from pytest_django import Settings

from iacplatform.common.rates import Rate
from tests.docs.test_completeness import DOCS
from tests.factories import EngineVersionFactory, UserFactory
from tests.web_server import web_server
from workspaces.models import Workspace

__all__ = ["web_server"]
PAGE = (DOCS / "how-to" / "use-the-api.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
MARK = "=== the next command ==="
VARYING = {"x-request-id", "etag", "ratelimit"}


def commands() -> list[tuple[str, str]]:
    """Each command, with the head of the answer that the page shows."""
    found = [
        (code, BLOCKS[number + 1][1])
        for number, (language, code) in enumerate(BLOCKS)
        if language == "sh"
    ]
    assert all(answer.startswith("HTTP/") for _, answer in found)
    return found


def head(answer: str) -> tuple[str, dict[str, str]]:
    """The status and the header fields of an answer, or of what the page shows of one."""
    first, *fields = answer.replace("\r", "").partition("\n\n")[0].strip().splitlines()
    pairs = [field.split(": ", 1) for field in fields if ": " in field]
    return first.split()[1], {name.lower(): value for name, value in pairs}


@pytest.mark.django_db(transaction=True)
def test_the_commands_of_the_guide_do_what_it_says(web_server: str, settings: Settings) -> None:
    settings.API_RATE_USER = Rate(1200, 60)
    EngineVersionFactory.create(version="1.9.5", default=True)
    UserFactory.create(username="ada", password="correct horse")
    script = f"\necho; echo '{MARK}'\n".join(code for code, _ in commands())
    environment = {"URL": f"http://{web_server}", "USERNAME": "ada", "PASSWORD": "correct horse"}

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert run.returncode == 0, run.stderr
    answers = run.stdout.split(MARK)
    assert len(answers) == len(commands()) > 8
    for answer, (code, shown) in zip(answers, commands(), strict=True):
        status, fields = head(answer[answer.index("HTTP/1.1") :])
        expected_status, expected_fields = head(shown)
        assert status == expected_status, code + answer
        for name, value in expected_fields.items():
            assert name in fields, (name, code)
            assert value == fields[name] or "…" in value or name in VARYING, (name, code)
    assert Workspace.objects.get().tasks.count() == 1

"""Every command of the guides to the API, run in a shell against the web server: what it answers is as written."""

import os
import re
import subprocess

import pytest
from pytest_django import Settings

from iacplatform.accounts.levels import Level
from iacplatform.accounts.models import DEFAULT_ORGANIZATION, User
from iacplatform.common.rates import Rate
from tests.docs.test_completeness import DOCS
from tests.factories import EngineVersionFactory, UserFactory
from tests.web_server import web_server
from workspaces.models import Workspace, access_of

__all__ = ["web_server"]
MARK = "=== the next command ==="
VARYING = {"x-request-id", "etag", "ratelimit"}


def commands(guide: str) -> list[tuple[str, str]]:
    """Each command, with the head of the answer that the page shows."""
    page = (DOCS / "how-to" / guide).read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    found = [
        (code, blocks[number + 1][1])
        for number, (language, code) in enumerate(blocks)
        if language == "sh"
    ]
    assert all(answer.startswith("HTTP/") for _, answer in found)
    return found


def head(answer: str) -> tuple[str, dict[str, str]]:
    """The status and the header fields of an answer, or of what the page shows of one."""
    first, *fields = answer.replace("\r", "").partition("\n\n")[0].strip().splitlines()
    pairs = [field.split(": ", 1) for field in fields if ": " in field]
    return first.split()[1], {name.lower(): value for name, value in pairs}


def follow(guide: str, **environment: str) -> None:
    """Runs the commands of a guide one after the other, and compares the answers with those it shows."""
    written = commands(guide)
    script = f"\necho; echo '{MARK}'\n".join(code for code, _ in written)
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
    assert len(answers) == len(written) > 8
    for answer, (code, shown) in zip(answers, written, strict=True):
        compare(answer[answer.index("HTTP/1.1") :], shown, code)


def compare(answer: str, shown: str, code: str) -> None:
    """Checks the status and each header that the page shows."""
    status, fields = head(answer)
    expected_status, expected_fields = head(shown)
    assert status == expected_status, code + answer
    for name, value in expected_fields.items():
        assert name in fields, (name, code)
        assert value == fields[name] or "…" in value or name in VARYING, (name, code)


@pytest.fixture
def owner(settings: Settings) -> dict[str, str]:
    """What the guides ask for: the owner of an organization, an engine, and limits as they are shown."""
    settings.API_RATE_USER = Rate(1200, 60)
    EngineVersionFactory.create(version="1.9.5", default=True)
    UserFactory.create(username="ada", password="correct horse")
    return {"USERNAME": "ada", "PASSWORD": "correct horse"}


@pytest.mark.django_db(transaction=True)
def test_the_commands_of_the_guide_do_what_it_says(web_server: str, owner: dict[str, str]) -> None:
    follow("use-the-api.md", URL=f"http://{web_server}", **owner)

    assert Workspace.objects.get().tasks.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_team_has_access_once_the_guide_has_been_followed(
    web_server: str, owner: dict[str, str]
) -> None:
    colleague = User.objects.create_user("grace")
    follow(
        "give-a-team-access.md",
        URL=f"http://{web_server}",
        ORGANIZATION=DEFAULT_ORGANIZATION,
        COLLEAGUE="grace",
        **owner,
    )

    workspace = Workspace.objects.get()
    assert access_of(colleague).level_in_workspace(workspace) == Level.WRITE

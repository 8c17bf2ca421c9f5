"""``python -m tests.iacplatform.common.idempotency.dying TOKEN PATH KEY``: one request, by processes that die.

The first dies at its first statement, the next at its second, and so on, until one lives; before and after
each COMMIT counts, too. Prints how many died.
"""

import os
import subprocess
import sys

import django

from iacplatform.embedded.stack import PROJECT
from tests.triggers.forks import die, environment


def run(*arguments: str) -> int:
    """Runs this module against the tests' database; returns how many processes died."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__, *arguments],
        env={**os.environ, **environment()},
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return int(result.stdout.splitlines()[-1])


def _check_both_or_neither() -> None:
    from iacplatform.common.models import IdempotentRequest  # noqa: PLC0415
    from workspaces.models import WorkspaceTask  # noqa: PLC0415

    assert IdempotentRequest.objects.count() == WorkspaceTask.objects.count() <= 1


def main(token: str, path: str, key: str) -> int:
    """Asks for a plan until an answer comes."""
    django.setup()
    from rest_framework.test import APIClient  # noqa: PLC0415

    client = APIClient(SERVER_NAME="localhost")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}", HTTP_IDEMPOTENCY_KEY=key)

    def ask() -> None:
        answer = client.post(path, {"task_type": "plan_only"})
        assert answer.status_code == 201, answer.content

    return die(ask, _check_both_or_neither)


if __name__ == "__main__":
    print(main(*sys.argv[1:]))  # noqa: T201

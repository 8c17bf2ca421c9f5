"""Access tokens: for one result, for its life, and for nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from iacplatform.accounts.access_tokens import (
    AccessTokenInvalid,
    user_of_access_token,
)
from runtasks.services.tokens import AUDIENCE, issue_token
from tests.runtasks.factories import result_of, waiting_task

pytestmark = pytest.mark.django_db


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_token_says_what_it_is_for() -> None:
    """C5a: JWT HS256, bound to the result, its task, its workspace and its stage."""
    result = result_of(waiting_task())
    token = result.access_token or ""

    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = claims_of(token)
    assert claims["sub"] == claims["result_id"] == result.result_id
    assert claims["task_id"] == result.task_id
    assert claims["workspace_id"] == result.task.workspace.workspace_id
    assert (claims["stage"], claims["aud"]) == ("post_plan", AUDIENCE)
    assert {"iss", "jti", "iat", "nbf", "exp"} <= set(claims)


@pytest.mark.parametrize("seconds", [60, 3600])
def test_a_token_lives_as_long_as_its_result_may_run(seconds: int) -> None:
    """C5a, F32: heartbeats may use up all of max_run_seconds; never more than a day."""
    result = result_of(waiting_task(run_task__max_run_seconds=seconds))
    lives = datetime.fromtimestamp(claims_of(result.access_token or "")["exp"], UTC) - datetime.now(
        UTC
    )

    assert timedelta(seconds=seconds) < lives < timedelta(seconds=seconds + 301)
    result.max_run_seconds = 10**6
    exp = claims_of(issue_token(result))["exp"]
    assert exp <= (datetime.now(UTC) + timedelta(hours=24)).timestamp()


def test_two_results_have_two_tokens() -> None:
    result = result_of(waiting_task())

    assert claims_of(issue_token(result))["jti"] != claims_of(issue_token(result))["jti"]


def test_a_run_tasks_token_signs_nobody_in() -> None:
    token = result_of(waiting_task()).access_token or ""

    with pytest.raises(AccessTokenInvalid):
        user_of_access_token(token)

"""Each example of the OpenAPI document fits its schema, and the API takes it."""

import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from iacplatform.accounts.models import User
from iacplatform.openapi_examples import ANSWERS, REQUESTS
from tests.api_clients import api, base, client_of, engine, member, workspace
from tests.factories import WorkspaceFactory
from tests.openapi import Operation, document, operations, with_components
from workspaces.models import Workspace

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]
CASES = [(name, title) for name, examples in REQUESTS.items() for title in examples]
# What these take is only taken of a task or a state that came far enough.
NEED_HISTORY = {
    "workspaces_tasks_confirm_apply",
    "workspaces_tasks_cancel",
    "workspaces_state_versions_rollback",
}


def found(name: str) -> tuple[str, str, Operation]:
    """An operation by its id."""
    (one,) = [each for each in operations() if each[2]["operationId"] == name]
    return one


def check(value: Any, media: dict[str, Any]) -> None:
    """Raises where the example is not what the schema says."""
    jsonschema.validate(value, with_components(media["schema"]))


@pytest.mark.parametrize(("name", "title"), CASES)
def test_an_example_of_a_request_fits_its_schema(name: str, title: str) -> None:
    media = found(name)[2]["requestBody"]["content"]["application/json"]

    check(media["examples"][title]["value"], media)


@pytest.mark.parametrize(
    ("name", "status"), [(name, status) for name, answers in ANSWERS.items() for status in answers]
)
def test_an_example_of_an_answer_fits_its_schema(name: str, status: str) -> None:
    media = found(name)[2]["responses"][status]["content"]["application/json"]

    check(media["example"], media)


@pytest.mark.parametrize(("name", "title"), [each for each in CASES if each[0] not in NEED_HISTORY])
def test_the_api_takes_the_example(
    api: APIClient, member: User, workspace: Workspace, name: str, title: str
) -> None:
    member.set_password("correct horse")
    member.save()
    method, path, operation = found(name)
    address = path.replace("{workspace_id}", workspace.workspace_id)
    if name == "workspaces_unlock":
        Workspace.objects.filter(pk=workspace.pk).update(
            is_locked=True, locked_by="grace", locked_at=timezone.now(), lock_reason="Moving"
        )

    answer = getattr(api, method)(address, REQUESTS[name][title])

    assert str(answer.status_code) in operation["responses"], answer.content
    assert answer.status_code < 300, answer.content
    media = operation["responses"][str(answer.status_code)]["content"]["application/json"]
    check(answer.json(), media)


def test_the_examples_of_errors_fit_their_schema() -> None:
    for response in document()["components"]["responses"].values():
        media = response["content"]["application/json"]
        check(media["example"], media)


@pytest.mark.django_db
def test_a_list_is_what_its_schema_says(api: APIClient, workspace: Workspace) -> None:
    WorkspaceFactory.create_batch(2)
    media = found("workspaces_list")[2]["responses"]["200"]["content"]["application/json"]

    check(api.get("/api/v1/workspaces").json(), media)


def test_every_way_to_say_what_must_not_be_there_is_said_of_something_that_is() -> None:
    names = {operation["operationId"] for *_, operation in operations()}

    assert {*REQUESTS, *ANSWERS} <= names
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)

"""Every failed answer has one shape, whatever failed."""

from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import Settings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from iacplatform.accounts.models import Organization
from iacplatform.common.api_errors import exception_handler
from tests.factories import UserFactory, api_token

WORKSPACES = "/api/v1/workspaces"
JSON = "application/json"


class BrokenView(APIView):
    """Fails in ways that no view of ours should."""

    permission_classes = [AllowAny]

    def get(self, request: Request, how: str) -> Response:
        """Fails as asked."""
        if how == "bug":
            raise RuntimeError("the password is hunter2")
        Organization.objects.create(name="default")
        return Response()


def broken_page(request: HttpRequest) -> HttpResponse:
    """Fails outside of the API."""
    raise RuntimeError("the password is hunter2")


urlpatterns = [
    path("api/v1/broken/<str:how>", BrokenView.as_view()),
    path("broken", broken_page),
    path("", include("iacplatform.urls")),
]
handler400 = "iacplatform.common.api_errors.bad_request"
handler404 = "iacplatform.common.api_errors.page_not_found"
handler500 = "iacplatform.common.api_errors.server_error"


@pytest.fixture
def api(db: None) -> APIClient:
    """Calls as a member of the seeded organization."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {api_token(UserFactory.create())}")
    return client


def post(api: APIClient, body: bytes, content_type: str = JSON) -> tuple[int, dict[str, Any]]:
    """Sends bytes as they are."""
    answer = api.generic("POST", WORKSPACES, body, content_type=content_type)  # type: ignore[arg-type]
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "address", ["/api/v1/nothing", "/api/v1/workspaces/", "/api/v2", "/api/v1/workspaces/%00"]
)
def test_an_unknown_address_of_the_api_answers_json(api: APIClient, address: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    for client, method in [(api, "GET"), (api, "DELETE"), (browser, "POST")]:
        answer = client.generic(method, address)
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


def test_an_unknown_address_elsewhere_answers_a_page(db: None) -> None:
    answer = Client().get("/nothing")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"nothing here" in answer.content


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_there_answers_405_in_json(api: APIClient, method: str) -> None:
    answer = api.generic(method, WORKSPACES)
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "POST" in answer.headers["Allow"]


def test_several_wrong_fields_are_all_named(api: APIClient) -> None:
    status, body = post(api, b'{"tags": ["a", {}], "max_retries": 99}')
    assert status == 400
    assert body["code"] == "invalid"
    assert sorted(body["fields"]) == ["max_retries", "name", "tags.1"]
    assert all(isinstance(each, list) for each in body["fields"].values())
    assert body["error"].endswith("(and 2 more)")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b'{"name": "a",}',
        b'{"name": "\xff\xfe"}',
        b"\xff",
        b'{"a": ' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"max_retries": ' + b"9" * 10_000 + b"}",
        b"[]",
        b'"text"',
        b"null",
        b"5",
        b"[1e999]",
        b'["\\u0000"]',
        b'{"\\u0000": 1}',
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_a_body_that_is_no_object_of_ours_is_refused(api: APIClient, body: bytes) -> None:
    status, answer = post(api, body)
    assert status == 400
    assert answer["code"] in {"parse_error", "invalid"}
    assert answer["error"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name": "a\\u0000b"}', "name"),
        (b'{"name": "a", "description": "\\ud800"}', "description"),
        (b'{"name": "a", "tf_code": {"a": ["\\u0000"]}}', "tf_code"),
        (b'{"name": "a", "tf_code": {"\\ud800": 1}}', "tf_code"),
        (b'{"name": "a", "provider_config": {"a": 1e999}}', "provider_config"),
        (b'{"name": "a", "provider_config": {"a": NaN}}', "provider_config"),
        (b'{"name": "a", "tf_code": ' + b'{"a": ' * 200 + b"1" + b"}" * 200 + b"}", "tf_code"),
        (b'{"name": "a", "max_retries": 99999999999999999999}', "max_retries"),
        (b'{"name": "a", "max_retries": 1.5}', "max_retries"),
        (b'{"name": {}}', "name"),
    ],
)
def test_a_value_that_cannot_be_stored_is_refused_naming_the_field(
    api: APIClient, body: bytes, field: str
) -> None:
    status, answer = post(api, body)
    assert status == 400
    assert list(answer["fields"]) == [field]


def test_numbers_of_any_size_are_stored_in_a_configuration(api: APIClient) -> None:
    status, answer = post(api, b'{"name": "a", "tf_code": {"locals": {"a": 99999999999999999999}}}')
    assert status == 201
    assert answer["tf_code"] == {"locals": {"a": 99999999999999999999}}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data", "", "nonsense"]
)
def test_another_content_type_answers_415(api: APIClient, content_type: str) -> None:
    status, body = post(api, b"{}", content_type)
    assert (status, body["code"]) == (415, "unsupported_media_type")


def test_a_charset_that_nobody_knows_does_no_harm(api: APIClient) -> None:
    assert post(api, b'{"name": "a"}', "application/json; charset=klingon")[0] == 201


def test_a_body_that_is_too_large_answers_413(api: APIClient, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    status, body = post(api, b'{"name": "' + b"x" * 1000 + b'"}')
    assert (status, body["code"]) == (413, "too_large")


def test_what_the_client_would_not_accept_answers_406(api: APIClient) -> None:
    assert api.get(WORKSPACES, headers={"Accept": "application/xml"}).json()["code"] == (
        "not_acceptable"
    )


def test_a_host_that_is_not_ours_answers_400_in_json(api: APIClient) -> None:
    answer = api.get(WORKSPACES, headers={"Host": "evil.example.com"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"


@pytest.mark.urls(__name__)
def test_an_error_of_ours_hides_what_happened_and_says_where_to_look(
    api: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    """L4: bodies of 5xx hide internals."""
    answer = api.get("/api/v1/broken/bug")
    assert answer.status_code == 500
    body = answer.json()
    assert body["code"] == "internal_error"
    assert b"hunter2" not in answer.content
    assert body["request_id"]
    assert any(body["request_id"] in record.getMessage() for record in caplog.records)


@pytest.mark.urls(__name__)
def test_an_error_outside_of_the_api_answers_a_page(db: None) -> None:
    answer = Client(raise_request_exception=False).get("/broken")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"hunter2" not in answer.content


@pytest.mark.urls(__name__)
def test_a_race_that_the_database_decides_answers_409(api: APIClient) -> None:
    answer = api.get("/api/v1/broken/race")
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"


def test_a_database_that_does_not_answer_is_a_503_worth_retrying() -> None:
    answer = exception_handler(OperationalError("connection to 10.0.0.5 refused"), {})
    assert answer is not None
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "10.0.0.5" not in str(answer.data)


def test_a_value_that_only_the_database_refuses_answers_400(db: None) -> None:
    with pytest.raises(DataError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT 1::smallint + 99999::smallint")
    answer = exception_handler(raised.value, {})
    assert answer is not None
    assert answer.status_code == 400


def test_a_broken_rule_of_the_schema_is_our_error(db: None) -> None:
    with pytest.raises(IntegrityError) as raised, connection.cursor() as cursor:
        cursor.execute("INSERT INTO accounts_organization (name) VALUES (NULL)")
    assert exception_handler(raised.value, {}) is None

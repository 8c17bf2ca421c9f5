"""Every failed answer of the API has one shape: ``{"error", "code", "fields", …}``.

``error`` is a sentence for a person, ``code`` a word for a program, ``fields`` (only for bad input)
maps the path of an input to its sentences. Answers of 500 and above hide what happened and carry
the ``request_id`` under which the log tells it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler as rest_framework_handler

from iacplatform.common.errors import DomainError
from iacplatform.common.rate_limits import refusal

NON_FIELD = api_settings.NON_FIELD_ERRORS_KEY
# SQLSTATEs (PostgreSQL, appendix A) of rows that others wrote or removed in the meantime.
CONFLICTS = {
    "23503": "Something this refers to is gone, or is still in use",
    "23505": "There is one of this kind already",
    "23P01": "There is one of this kind already",
}
logger = structlog.get_logger(__name__)


def error_body(message: str, code: str, **members: Any) -> dict[str, Any]:
    """The body of a failed answer; empty members are left out."""
    return {"error": message, "code": code, **{key: each for key, each in members.items() if each}}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turns what a view raised into an answer; ``None`` for what nobody foresaw, which is a 500."""
    response = _answer(error, context)
    if response is None or response.status_code != 401:
        return response
    refused = refusal(context["request"], context["view"])
    return _answer(refused, context) if refused else response


def _answer(error: Exception, context: dict[str, Any]) -> Response | None:
    response = rest_framework_handler(error, context)
    if response is not None:
        _rewrite(response, error)
        return response
    for kinds, answer in ANSWERS:
        if isinstance(error, kinds):
            return answer(error)
    return None


def _rewrite(response: Response, error: Exception) -> None:
    """Keeps the status and headers that the framework chose, and replaces the body."""
    if isinstance(error, ValidationError):
        fields = dict(_flatten(error.detail))
        response.data = error_body(_summary(fields), "invalid", fields=fields)
        return
    detail = response.data["detail"]
    response.data = error_body(str(detail), getattr(detail, "code", "not_found"))


def _flatten(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yields the path of each wrong input (``targets.0``) with its sentences."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            yield from _flatten(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for index, item in enumerate(detail):
            yield from _flatten(item, f"{path}.{index}")
    elif detail:
        sentences = detail if isinstance(detail, list) else [detail]
        yield path or NON_FIELD, [str(sentence) for sentence in sentences]


def _summary(fields: dict[str, list[str]]) -> str:
    first, sentences = next(iter(fields.items()), (NON_FIELD, ["The input is not valid."]))
    prefix = "" if first == NON_FIELD else f"{first}: "
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return f"{prefix}{sentences[0]}{more}"


def _domain(error: DomainError) -> Response:
    fields = {field: [sentence] for field, sentence in error.fields.items()}
    body = error_body(str(error), error.code, fields=fields, **error.details)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Response(body, status=error.status, headers=headers)


def _protected(error: ProtectedError) -> Response:
    return _in_use(error.protected_objects)


def _restricted(error: RestrictedError) -> Response:
    return _in_use(error.restricted_objects)


def _in_use(objects: set[Any]) -> Response:
    kinds = sorted({str(each._meta.verbose_name) for each in objects})
    return Response(error_body(f"It is still in use by a {', a '.join(kinds)}", "in_use"), 409)


def _integrity(error: IntegrityError) -> Response | None:
    message = CONFLICTS.get(getattr(error.__cause__, "sqlstate", None) or "")
    return Response(error_body(message, "conflict"), 409) if message else None


def _data(error: DataError) -> Response:
    return Response(error_body("A value is longer or larger than can be stored", "invalid"), 400)


def _too_big(error: Exception) -> Response:
    return Response(error_body("The request is too large", "too_large"), 413)


def _suspicious(error: Exception) -> Response:
    return Response(error_body("The request is malformed", "bad_request"), 400)


def _unavailable(error: Exception) -> Response:
    logger.error("database_unavailable", error=str(error))
    body = _hidden("The database does not answer; try again", "unavailable")
    return Response(body, status=503, headers={"Retry-After": "1"})


Answer = Callable[..., Response | None]
ANSWERS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Answer], ...] = (
    (DomainError, _domain),
    (ProtectedError, _protected),
    (RestrictedError, _restricted),
    (IntegrityError, _integrity),
    (DataError, _data),
    ((OperationalError, InterfaceError), _unavailable),
    (RequestDataTooBig, _too_big),
    (SuspiciousOperation, _suspicious),
)


def _hidden(message: str, code: str) -> dict[str, Any]:
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return error_body(message, code, request_id=request_id)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


@csrf_exempt  # else a POST to nowhere is told of cookies
def api_not_found(request: HttpRequest, *_: Any) -> HttpResponse:
    """Answers for addresses below ``/api/v1/`` that do not exist."""
    body = error_body(f"There is nothing at {request.path}", "not_found")
    return JsonResponse(body, status=404)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler404``: JSON under ``/api``, a page elsewhere."""
    if _is_api(request):
        return api_not_found(request)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler400``: JSON under ``/api``, a page elsewhere."""
    if _is_api(request):
        return JsonResponse(error_body("The request is malformed", "bad_request"), status=400)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """``handler500``: says nothing of what happened but where to look it up."""
    if _is_api(request):
        body = _hidden("Something went wrong on our side; the log tells what", "internal_error")
        return JsonResponse(body, status=500)
    return defaults.server_error(request)

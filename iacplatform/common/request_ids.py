"""Each request has an id: in its answer, and in every log line that it causes, those of workers too."""

import re
import uuid
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER = "X-Request-ID"
# What a log line, a search box and a shell take as it is.
_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

Answering = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def request_id(get_response: Answering) -> Answering:
    """The outermost middleware: takes the client's id or makes one, and puts it into the answer.

    django-structlog reads it from the header as this leaves it. Its own binding ends with its own
    middleware, while Django's last line about a request comes later: so it is bound again.
    """
    if not iscoroutinefunction(get_response):

        def answer(request: HttpRequest) -> HttpResponseBase:
            chosen = _begin(request)
            response: HttpResponseBase = get_response(request)
            return _end(chosen, response)

        return answer

    async def answer_later(request: HttpRequest) -> HttpResponseBase:
        chosen = _begin(request)
        later: Awaitable[HttpResponseBase] = get_response(request)
        return _end(chosen, await later)

    return answer_later


def _begin(request: HttpRequest) -> str:
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    chosen = given if _SANE.fullmatch(given) else str(uuid.uuid4())
    request.META["HTTP_X_REQUEST_ID"] = chosen
    clear_contextvars()
    bind_contextvars(request_id=chosen)
    return chosen


def _end(chosen: str, response: HttpResponseBase) -> HttpResponseBase:
    bind_contextvars(request_id=chosen)
    response.headers[HEADER] = chosen
    return response

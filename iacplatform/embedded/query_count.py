"""A middleware for measuring: how many queries an answer took."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Queries"
Answer = Callable[[HttpRequest], HttpResponseBase]


def count_queries(get_response: Answer) -> Answer:
    """Adds :data:`HEADER` to every answer; what a streamed one asks for later is not in it."""

    def counted(request: HttpRequest) -> HttpResponseBase:
        count = 0

        def counting(execute: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal count
            count += 1
            return execute(*arguments)

        with connection.execute_wrapper(counting):
            response = get_response(request)
        response[HEADER] = str(count)
        return response

    return counted

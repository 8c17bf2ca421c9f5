"""Reading request bodies from strangers."""

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.settings import api_settings

MAX_DEPTH = 100
_SURROGATE = re.compile("[\ud800-\udfff]")


class TooLarge(APIException):
    """The body is larger than the server reads."""

    status_code = 413
    default_code = "too_large"
    default_detail = "The body is too large."


class StrictJSONParser(BaseParser):
    """UTF-8 JSON that PostgreSQL can store (RFC 8259; ``jsonb`` has no NUL and no infinity).

    Raises :class:`ParseError` for what is no JSON, :class:`ValidationError` naming the member that
    cannot be stored, :class:`TooLarge` above ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes.
    """

    media_type = "application/json"

    @property
    def max_bytes(self) -> int:
        """The largest body that is read."""
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = self.max_bytes
        content = stream.read(limit + 1)
        if len(content) > limit:
            raise TooLarge(f"The body is larger than {limit:,} bytes.")
        try:
            body = json.loads(content.decode())
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {error}") from error
        _check(body)
        return body


def _check(body: Any) -> None:
    """Raises :class:`ValidationError`, which names the member of an object that is at fault."""
    if not isinstance(body, dict) or _first_problem(list(body)):
        body = {api_settings.NON_FIELD_ERRORS_KEY: body}
    for name, member in body.items():
        if problem := _first_problem(member):
            raise ValidationError({name: [problem]})


def _first_problem(member: Any) -> str | None:
    """Walks over a value without recursion, so that its depth does no harm."""
    pending = [(member, 1)]
    while pending:
        value, depth = pending.pop()
        if depth > MAX_DEPTH:
            return f"Nested deeper than {MAX_DEPTH} levels."
        if isinstance(value, dict):
            pending += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            pending += [(each, depth + 1) for each in value]
        elif problem := _problem(value):
            return problem
    return None


def _problem(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "A number must be finite."
    if isinstance(value, str) and "\0" in value:
        return "Null characters are not allowed."
    if isinstance(value, str) and _SURROGATE.search(value):
        return "Surrogate characters are not allowed."
    return None

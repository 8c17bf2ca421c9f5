"""Conditional requests (RFC 9110, 13): nobody overwrites what they have not seen, or is sent what they have.

The tag of an object is a digest of its representation, so it changes with anything that its reader could
see change. A write with ``If-Match`` locks the object's row first, then compares, then writes, in one
transaction: between the comparison and the write there is no moment for anybody else.
"""

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar

from django.db import transaction
from django.utils.http import parse_etags
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from iacplatform.common.errors import DomainError

V = TypeVar("V", bound=GenericAPIView[Any])
Action = Callable[..., Response]
WRITES = ("update", "partial_update", "destroy")


class PreconditionFailed(DomainError):
    """It is not what the caller has seen."""

    status = 412
    code = "precondition_failed"


def conditional(
    read: str = "retrieve", writes: tuple[str, ...] = WRITES
) -> Callable[[type[V]], type[V]]:
    """A decorator of view classes: what ``read`` shows has an ``ETag``; ``writes`` compare it with ``If-Match``.

    A view that locks more than the row of its object says so in ``hold_for_change``.
    """

    def decorate(view: type[V]) -> type[V]:
        reading: Action = getattr(view, read)
        setattr(view, read, _reading(reading))
        for name in writes:
            if hasattr(view, name):
                setattr(view, name, _writing(getattr(view, name), reading))
        return view

    return decorate


def is_conditional(action: Any) -> bool:
    """Whether a view's action answers with an ``ETag`` or compares it."""
    return getattr(action, "is_conditional", False)


def hold_object(view: GenericAPIView[Any]) -> None:
    """Locks the row of the object in the address until the transaction ends; raises ``Http404``."""
    found = view.get_object()
    type(found)._base_manager.select_for_update(no_key=True).filter(pk=found.pk).first()


def etag_of(data: Any) -> str:
    """The strong entity tag of a representation."""
    return f'"{sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def _reading(action: Action) -> Action:
    @wraps(action)
    def read(view: V, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = _tagged(action(view, request, *args, **kwargs))
        response.headers.setdefault("Cache-Control", "private, no-cache")
        seen = parse_etags(request.headers.get("If-None-Match", ""))
        known = {tag.removeprefix("W/") for tag in seen}
        if known & {"*", response.headers["ETag"]}:
            return Response(status=304, headers=dict(response.headers))
        return response

    read.is_conditional = True  # type: ignore[attr-defined]
    return read


def _writing(action: Action, reading: Action) -> Action:
    @wraps(action)
    def write(view: V, request: Request, *args: Any, **kwargs: Any) -> Response:
        expected = request.headers.get("If-Match")
        if expected is None or view.__dict__.get("holds_match"):
            return _tagged(action(view, request, *args, **kwargs))
        with transaction.atomic():
            _hold(view)
            _compare(expected, _shown(view, reading, *args, **kwargs))
            return _tagged(action(view, request, *args, **kwargs))

    write.is_conditional = True  # type: ignore[attr-defined]
    return write


def _hold(view: Any) -> None:
    getattr(view, "hold_for_change", lambda: hold_object(view))()
    view.holds_match = True  # PATCH may be PUT with another argument


def _shown(view: Any, reading: Action, *args: Any, **kwargs: Any) -> Response:
    """What the reading action answers at this moment."""
    action, view.action = view.action, reading.__name__
    try:
        return reading(view, view.request, *args, **kwargs)
    finally:
        view.action = action


def _compare(expected: str, shown: Response) -> None:
    """Strongly: a weak tag matches nothing (RFC 9110, 13.1.1)."""
    if not {"*", etag_of(shown.data)} & set(parse_etags(expected)):
        raise PreconditionFailed("It has changed since you read it: read it again")


def _tagged(response: Response) -> Response:
    if response.status_code == 200:
        response.headers["ETag"] = etag_of(response.data)
    return response

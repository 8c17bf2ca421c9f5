"""How a view says which of its actions take an idempotency key."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from iacplatform.common.idempotency.answers import answer_once
from iacplatform.common.idempotency.keys import key_of

V = TypeVar("V", bound=APIView)
Action = Callable[..., Response]


def idempotent_actions(*names: str) -> Callable[[type[V]], type[V]]:
    """A decorator of view classes: with an ``Idempotency-Key``, the named actions happen once a key.

    Such an action runs in one transaction with the row of its key, so it must reach nobody outside but
    through rows or ``on_commit``.
    """

    def decorate(view: type[V]) -> type[V]:
        for name in names:
            setattr(view, name, _once(getattr(view, name)))
        return view

    return decorate


def is_idempotent(action: Any) -> bool:
    """Whether a view's action takes an idempotency key."""
    return getattr(action, "takes_idempotency_key", False)


def _once(action: Action) -> Action:
    @wraps(action)
    def answered(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = key_of(request)
        if key is None or not request.user.is_authenticated:
            return action(view, request, *args, **kwargs)
        return answer_once(request, key, lambda: action(view, request, *args, **kwargs))

    answered.takes_idempotency_key = True  # type: ignore[attr-defined]
    return answered

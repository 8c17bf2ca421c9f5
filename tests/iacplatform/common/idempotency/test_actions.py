"""Which POSTs take an idempotency key."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from iacplatform.common.idempotency import is_idempotent

# POSTs that take none, each with the reason.
WITHOUT_KEY = {
    "SetupView.post": "it succeeds once whatever its header says",
    "OrganizationTokenViewSet.create": "its answer is a secret",
    "TeamTokenViewSet.create": "its answer is a secret",
    "AccountViewSet.create": "its body has a password, and a name is taken once",
    "LoginView.post": "its answer is a secret, and signing in twice does no harm",
    "LogoutView.post": "it ends what asks for it, and cannot be asked again",
    "PasswordView.post": "its answer is a secret, and again it says that the old password is wrong",
    "SessionTokenView.post": "its answer is a secret, and one more does no harm",
    "APITokenViewSet.create": "its answer is a secret",
    "RunTaskViewSet.create": "it calls somebody, which must not happen in a transaction",
    "RunTaskViewSet.test": "it calls somebody, and starts no work here",
    "RunTaskViewSet.try_out": "it calls somebody, and starts no work here",
    "NotificationViewSet.test": "it calls somebody, and starts no work here",
    "CallbackView.post": "it is of a result with a token of its own, and one that repeats itself is known",
    "ExternalSourceViewSet.test": "it calls somebody, and starts no work here",
}


def patterns(within: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    """Every address, however deep."""
    for each in within:
        if isinstance(each, URLPattern):
            yield each
        elif each.app_name != "admin":
            yield from patterns(each.url_patterns)


def posts() -> dict[str, Any]:
    """The action behind each POST, by the name of its view and its own."""
    found = {}
    for pattern in patterns(get_resolver().url_patterns):
        view = getattr(pattern.callback, "cls", None)
        if view is None:
            continue
        actions = getattr(pattern.callback, "actions", None) or {"post": "post"}
        name = actions.get("post", "")
        if hasattr(view, name):
            found[f"{view.__name__}.{name}"] = getattr(view, name)
    return found


def test_every_post_takes_an_idempotency_key_or_says_why_not() -> None:
    without = {name for name, action in posts().items() if not is_idempotent(action)}

    assert without == set(WITHOUT_KEY)
    assert len(posts()) > 30

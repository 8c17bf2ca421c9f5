"""External sources: creating, changing, removing."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import organization_for
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Forbidden, InvalidInput
from iacplatform.common.outbound import OutboundRefused, check_url
from iacplatform.common.outbound.client import OUR_HEADERS
from workspaces.cmdb.models import ExternalSource
from workspaces.cmdb.services.json_paths import PathError, compile_path

NAME_TAKEN = "another external source of the organization has this name"
MOST_HEADERS = 20
# RFC 9110 §5.1 and §5.5, without what few servers agree on: characters beyond ASCII, spaces at the ends.
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
HEADER_VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?")


def check_administrator(user: User) -> None:
    """Raises ``Forbidden`` for a user who is no administrator."""
    if not (user.is_staff or user.is_superuser):
        raise Forbidden("Only administrators may use external sources")


def create_source(
    *,
    user: User,
    organization: str | None = None,
    auth_headers: Iterable[dict[str, str]] = (),
    **fields: Any,
) -> ExternalSource:
    """Creates a source. ``auth_headers`` are ``{"key", "value"}``; values are never shown again.

    Raises:
        Forbidden: the user is no administrator.
        InvalidInput: the user may not create it in that organization, its address is never called, a path
            is no JSONPath, or a header cannot be sent or has no value.
        Conflict: the name is taken.
    """
    check_administrator(user)
    source = ExternalSource(
        organization=organization_for(user, organization), created_by=user, **fields
    )
    source.auth_headers = _headers(auth_headers, {})
    _check(source)
    with taken("one_source_name_an_organization", "name", NAME_TAKEN):
        source.save()
    return source


def update_source(source: ExternalSource, *, user: User, **changes: Any) -> None:
    """Changes a source. Of ``auth_headers``, one without a value keeps it, one that is missing is removed.

    Raises as :func:`create_source`, and ``InvalidInput`` where a value would be kept for another server:
    who may change the address must not learn the values.
    """
    check_administrator(user)
    known, server = source.auth_headers, _server(source.api_endpoint)
    given = changes.pop("auth_headers", [{"key": key} for key in known])
    for name, value in changes.items():
        setattr(source, name, value)
    moved = _server(source.api_endpoint) != server
    source.auth_headers = _headers(given, {} if moved else known)
    _check(source)
    with taken("one_source_name_an_organization", "name", NAME_TAKEN):
        source.save(update_fields=[*changes, "auth_headers", "updated_at"])


def delete_source(source: ExternalSource, *, user: User) -> None:
    """Removes a source with its resources and logs; raises ``Forbidden``."""
    check_administrator(user)
    source.delete()


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _headers(given: Iterable[dict[str, str]], known: dict[str, str]) -> dict[str, str]:
    headers = {each["key"]: each.get("value") or known.get(each["key"], "") for each in given}
    problem = _problem(headers)
    if problem:
        raise InvalidInput("auth_headers", problem)
    return headers


def _problem(headers: dict[str, str]) -> str:
    if len(headers) > MOST_HEADERS:
        return f"at most {MOST_HEADERS} headers can be set"
    if len({name.lower() for name in headers}) < len(headers):
        return "a header is named twice"
    return next(filter(None, (_problem_of(name, value) for name, value in headers.items())), "")


def _problem_of(name: str, value: str) -> str:
    if not HEADER_NAME.fullmatch(name):
        return f"{name[:100]!r} is no name of a header"
    if name.lower() in OUR_HEADERS:
        return f"the header {name} is set by the platform"
    if not value:
        return f"give the value of {name}; it is kept only for the server that it was given for"
    if not HEADER_VALUE.fullmatch(value):
        return f"the value of {name} cannot be sent: give visible ASCII characters"
    return ""


def _check(source: ExternalSource) -> None:
    try:
        check_url(source.api_endpoint)
    except OutboundRefused as error:
        raise InvalidInput("api_endpoint", str(error)) from error
    paths = {"response_path": source.response_path, "primary_key_field": source.primary_key_field}
    mapping = {f"field_mapping.{name}": path for name, path in source.field_mapping.items()}
    for name, path in (paths | mapping).items():
        try:
            compile_path(path)
        except PathError as error:
            raise InvalidInput(name, str(error)) from error

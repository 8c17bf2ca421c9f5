"""Errors that the domain raises and the API answers with: one class a case, each with its code.

Services raise these; :mod:`iacplatform.common.api_errors` turns them into HTTP answers. They know the
HTTP status only as a number, so that nothing here depends on a web framework.
"""

from typing import Any


class DomainError(Exception):
    """Something the caller asked for cannot be done; ``str(error)`` is a sentence for a person.

    ``fields`` names the inputs at fault (field → sentence), ``details`` holds further members of the
    error answer (such as ``locked_by``).
    """

    status = 400
    code = "invalid"
    retry_after: int | None = None  # seconds after which it may go well

    def __init__(
        self, message: str, *, fields: dict[str, str] | None = None, **details: Any
    ) -> None:
        super().__init__(message)
        self.fields = fields or {}
        self.details = details


class InvalidInput(DomainError):
    """A value is not acceptable; ``fields`` says which and why."""

    def __init__(self, field: str, message: str, **details: Any) -> None:
        super().__init__(f"{field}: {message}", fields={field: message}, **details)


class Conflict(DomainError):
    """The object is not in a state in which this can be done."""

    status = 409
    code = "conflict"


class Locked(DomainError):
    """The workspace is locked; ``locked_by`` and ``lock_reason`` say by whom and why."""

    status = 423
    code = "locked"


class NotFound(DomainError):
    """There is no such object, or the caller may not see it."""

    status = 404
    code = "not_found"


class Forbidden(DomainError):
    """The caller sees the object and may not do this with it."""

    status = 403
    code = "permission_denied"

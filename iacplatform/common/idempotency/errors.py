"""Why a request with an idempotency key is refused."""

from iacplatform.common.errors import Conflict, DomainError


class KeyReused(DomainError):
    """The key came with another request before."""

    status = 422
    code = "idempotency_key_reused"


class StillInProgress(Conflict):
    """The first request with this key has not been answered yet."""

    code = "idempotency_in_progress"
    retry_after = 1


class AnswerNotKept(Conflict):
    """It was done, but its answer held a secret and so was not stored."""

    code = "idempotency_answer_not_kept"

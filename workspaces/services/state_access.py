"""Who was given a state with its secrets, and when (reference F47)."""

from datetime import datetime

import structlog
from django.utils import timezone

from iacplatform.accounts.models import User
from workspaces.models import StateVersion

logger = structlog.get_logger(__name__)


def record_state_access(version: StateVersion, user: User, how: str) -> datetime:
    """Records that a user is about to be given a state's content, and returns the time of it.

    ``how`` is the operation, such as ``download``. Called before the content is given out: what cannot
    be recorded is not given.
    """
    accessed_at = timezone.now()
    logger.info(
        "state_accessed",
        workspace=version.workspace.workspace_id,
        version=version.version,
        user=user.get_username(),
        how=how,
        accessed_at=accessed_at.isoformat(),
    )
    return accessed_at

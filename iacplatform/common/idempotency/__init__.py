"""Idempotency keys: work that is asked for twice is done once (draft-ietf-httpapi-idempotency-key-header).

Knows no domain: a view class names its actions in :func:`idempotent_actions`.
"""

from iacplatform.common.idempotency.actions import idempotent_actions, is_idempotent

__all__ = ["idempotent_actions", "is_idempotent"]

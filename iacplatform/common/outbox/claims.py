"""Claims on entries: one conditional UPDATE with a token and a lease, like those on stages.

``next_attempt_at`` of an entry that is being delivered is the end of its lease, so one index finds both
what is due and what a dead worker left. Time is PostgreSQL's.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from iacplatform.common.locks import exclusive

CLAIM = """
UPDATE common_outboxentry
   SET status = 'delivering', token = %(token)s, attempts = attempts + 1,
       next_attempt_at = statement_timestamp() + %(lease)s * interval '1 second'
 WHERE id = (
    SELECT id FROM common_outboxentry AS entry
     WHERE status IN ('pending', 'delivering') AND next_attempt_at <= statement_timestamp()
       AND kind = ANY(%(kinds)s)
       AND (destination = '' OR destination NOT IN (
            SELECT destination FROM common_outboxentry
             WHERE status = 'delivering' AND next_attempt_at > statement_timestamp()
             GROUP BY destination HAVING count(*) >= %(concurrency)s))
       AND (ordering = '' OR NOT EXISTS (
            SELECT FROM common_outboxentry AS earlier
             WHERE earlier.status IN ('pending', 'delivering') AND earlier.ordering <> ''
               AND earlier.ordering = entry.ordering AND earlier.id < entry.id))
     ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, token, attempts
"""


@dataclass(frozen=True)
class Claim:
    """The right to make the ``attempt``-th attempt at an entry, until the lease ends."""

    entry_id: int
    token: uuid.UUID
    attempt: int


def claim_next() -> Claim | None:
    """Claims the entry that has been due for longest; ``None`` if none may be delivered now.

    Entries of a kind that this code does not know are left to code that does.
    """
    values: dict[str, Any] = {
        "token": uuid.uuid4(),
        "lease": settings.OUTBOX_LEASE_SECONDS,
        "kinds": list(settings.OUTBOX_DELIVERERS),
        "concurrency": settings.OUTBOX_DESTINATION_CONCURRENCY,
    }
    # Two claims at once could each take the last place of a destination.
    with exclusive("common.outbox"), connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        row = cursor.fetchone()
    return Claim(*row) if row else None

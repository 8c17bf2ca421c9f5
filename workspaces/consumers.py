"""``/api/v1/tasks/<task_id>/output/stream?offset=N``: a task's log as a WebSocket (reference §5.10).

A program signs in with the subprotocols ``access_token, <JWT or API token>``; the session of a browser that
is signed in to the admin works too. A token is never taken from the address: addresses end up in
logs. A message is one text frame. A log line may have 16 MiB: a client must accept frames of any size.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error, InterfaceError, OperationalError
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from iacplatform.accounts.authentication import user_for_token
from iacplatform.accounts.models import User
from iacplatform.accounts.rules import READ
from iacplatform.common.errors import InvalidInput, NotFound
from iacplatform.common.ids import new_id
from workspaces.models import WorkspaceTask
from workspaces.services.live_log import follow
from workspaces.services.logs import in_thread

SUBPROTOCOL = "access_token"
LARGEST_OFFSET = 10**15
SEND_SECONDS = 60.0
REASON_BYTES = 123  # RFC 6455 §5.5: a control frame has at most 125 bytes, two of them the code
DONE = 1000
INTERNAL_ERROR = 1011
CLOSE_CODES: dict[type[Exception], int] = {
    InvalidInput: 4400,
    AuthenticationFailed: 4401,
    PermissionDenied: 4403,
    NotFound: 4404,
    OperationalError: 1013,
    InterfaceError: 1013,
}
logger = structlog.get_logger(__name__)


class TaskOutputConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends a task's log to one client, as fast as the client takes it, and closes at its end."""

    async def connect(self) -> None:
        """Accepts before anything is checked: only an open WebSocket can be told why it is closed."""
        offered = self.scope["subprotocols"]
        await self.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        self._sending = asyncio.create_task(self._send_and_close())

    async def disconnect(self, code: int) -> None:
        """Stops reading for a client that is gone."""
        self._sending.cancel()
        await asyncio.wait([self._sending])

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Passes over what the client says: it has nothing to say."""

    async def _send_and_close(self) -> None:
        with suppress(OSError):  # the client is gone, or has taken nothing for SEND_SECONDS
            code, reason = await self._send_log()
            await self.close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))

    async def _send_log(self) -> tuple[int, str]:
        """Sends everything; returns with which code and reason to close."""
        try:
            await self._send_messages()
        except OSError:
            raise
        except tuple(CLOSE_CODES) as error:
            return _close_code(error), _reason(error)
        except Exception:
            logger.exception("task_output_failed")
            return INTERNAL_ERROR, "internal error"
        return DONE, ""

    async def _send_messages(self) -> None:
        task_id = self.scope["url_route"]["kwargs"]["task_id"]
        user, offset = await in_thread(_admit, self.scope)
        connected = {"type": "connected", "task_id": task_id, "client_id": new_id("client")}
        await self.send(json.dumps(connected))
        async for texts in follow(task_id, user, after=offset):
            async with asyncio.timeout(SEND_SECONDS):
                for text in texts:
                    await self.send(text)


def _admit(scope: dict[str, Any]) -> tuple[User, int]:
    """Who connects and from which line on; raises one of :data:`CLOSE_CODES`."""
    user, offset = _user(scope), _offset(scope)
    task_id = scope["url_route"]["kwargs"]["task_id"]
    if not WorkspaceTask.objects.visible_to(user).filter(pk=task_id).exists():
        raise NotFound(f"There is no task #{task_id}")
    return user, offset


def _user(scope: dict[str, Any]) -> User:
    offered: list[str] = scope["subprotocols"]
    if offered[:1] == [SUBPROTOCOL] and len(offered) == 2:
        return user_for_token(offered[1], READ)
    user = scope["user"]
    if offered or not user.is_authenticated:
        raise AuthenticationFailed(f"Offer the subprotocols {SUBPROTOCOL}, <token>")
    return User.objects.get(pk=user.pk)


def _offset(scope: dict[str, Any]) -> int:
    """The number of the last line the client has; raises :class:`InvalidInput`."""
    values = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    text = values.get("offset", ["0"])[-1]
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST_OFFSET):
        raise InvalidInput("offset", "must be the number of the last line you have, 0 for none")
    return int(text)


def _close_code(error: Exception) -> int:
    return next(code for kind, code in CLOSE_CODES.items() if isinstance(error, kind))


def _reason(error: Exception) -> str:
    """What the client is told: an error of the database is nobody's business."""
    return "try again later" if isinstance(error, Error) else str(error)

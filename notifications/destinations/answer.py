"""What a destination is given to send, and what it says to it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outgoing:
    """A message on its way: ``payload`` is what the destination's ``render`` made of it.

    ``delivery_id`` is the same in all attempts at one message, so that its receiver can tell a repetition.
    """

    delivery_id: str
    event: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """How a message was taken; ``problem`` is empty where it was accepted, else a sentence for people.

    ``headers`` are those that were sent, with secrets masked. ``retry_after`` are the seconds that the
    receiver asked for, ``hopeless`` says that the same again would be refused again.
    """

    problem: str = ""
    status: int | None = None
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    retry_after: float | None = None
    hopeless: bool = False

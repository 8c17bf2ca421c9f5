"""This machine may be called, and names lead where a test says."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

Lead = Callable[..., list[str]]


@pytest.fixture
def this_machine(settings: Settings) -> None:
    """The loopback addresses may be called."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8", "::1/128"]


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch) -> Lead:
    """Lets names lead to other addresses with each look-up; returns the names that were looked up.

    ``lead(["127.0.0.1"], ["127.0.0.2"])``: the first look-up finds the first list, the next ones the
    second.
    """

    def arrange(*answers: list[str]) -> list[str]:
        asked: list[str] = []

        def answer(host: str, port: int, **_: Any) -> list[Any]:
            numbers = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers
            ]

        monkeypatch.setattr(socket, "getaddrinfo", answer)
        return asked

    return arrange

"""The command, as a person starts it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from iacplatform.common.signing import prefixed_signature

ROOT = Path(__file__).resolve().parents[4]
COMMAND = [sys.executable, str(ROOT / "manage.py"), "runtask_sandbox"]


@pytest.fixture(autouse=True)
def _heeds_ctrl_c() -> Iterator[None]:
    """A script's background jobs ignore Ctrl-C, and so would whatever tests that are one start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def environment(**more: str) -> dict[str, str]:
    """An environment without a database: the sandbox needs none."""
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    tooling = {"DJANGO_SETTINGS_MODULE": "iacplatform.settings.tooling"}
    return known | tooling | more


@contextmanager
def started(*options: str, **variables: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The running command and the address it has printed."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *options],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found is not None
            yield found[0], process
        finally:
            process.kill()


def verified(address: str, key: str) -> bool:
    body = b'{"access_token": "test-token"}'
    headers = {"X-TFC-Task-Signature": prefixed_signature(key, body, "sha512")}
    answer = requests.post(f"{address}/success", data=body, headers=headers, timeout=10).json()
    return bool(answer["hmac_verified"])


def test_it_listens_until_it_is_interrupted() -> None:
    with started() as (address, process):
        assert "Nothing yet." in requests.get(f"{address}/", timeout=10).text
        assert verified(address, "test-hmac-secret-key")

        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        printed = process.stdout.read()
        assert process.wait(timeout=10) == 0

    assert "/delayed-success" in printed
    assert printed.endswith("Stopped.\n")


def test_the_key_is_an_option_or_a_variable() -> None:
    with started(HMAC_KEY="from the environment") as (address, _):
        assert verified(address, "from the environment")
    with started("--hmac-key", "given", HMAC_KEY="from the environment") as (address, _):
        assert verified(address, "given")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--callback-base-url", "platform:8000"], "--callback-base-url: give http:// or https://"),
        (["--callback-base-url", "http://[oops"], "--callback-base-url: give http:// or https://"),
        (["--delay", "-1"], "--delay: give seconds, 0 or more"),
        (["--delay", "nan"], "--delay: give seconds, 0 or more"),
        (["--port", "70000"], "--host 127.0.0.1 --port 70000: "),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 --port 18090: "),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=f"^{re.escape(sentence)}"):
        call_command("runtask_sandbox", *options)


def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        with pytest.raises(CommandError, match=f"--port {port}: .*Address already in use"):
            call_command("runtask_sandbox", "--port", port)

"""TLS verifies the name in the URL, although the connection goes to a number."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from iacplatform.common.outbound import OutboundFailed, send
from tests.iacplatform.common.outbound.certificates import Authority
from tests.iacplatform.common.outbound.conftest import Lead
from tests.iacplatform.common.outbound.servers import running_server

pytestmark = pytest.mark.usefixtures("this_machine")


@pytest.fixture
def authority(tmp_path: Path, settings: Settings) -> Authority:
    """An authority that is trusted."""
    authority = Authority(tmp_path)
    settings.OUTBOUND_CA_FILE = str(authority.file)
    return authority


def test_the_server_is_asked_for_by_its_name(authority: Authority, lead: Lead) -> None:
    asked_for: list[str | None] = []
    context = authority.server("tasks.example")

    def note(_: Any, name: str | None, __: ssl.SSLContext) -> None:
        asked_for.append(name)

    context.sni_callback = note
    with running_server(tls=context) as server:
        lead(["127.0.0.1"])
        response = send("POST", f"https://tasks.example:{server.port}/hook", body=b"{}")

    assert (response.status, response.body) == (200, b"ok")
    assert asked_for == ["tasks.example"]
    assert f"Host: tasks.example:{server.port}" in server.head


def test_a_server_with_another_name_is_not_believed(authority: Authority, lead: Lead) -> None:
    with running_server(tls=authority.server("other.example")) as server:
        lead(["127.0.0.1"])
        with pytest.raises(OutboundFailed, match="failed: Hostname mismatch"):
            send("POST", f"https://tasks.example:{server.port}/hook")

    assert server.requests == []


def test_a_server_whose_authority_is_not_known_is_not_believed(tmp_path: Path, lead: Lead) -> None:
    with running_server(tls=Authority(tmp_path).server("tasks.example")) as server:
        lead(["127.0.0.1"])
        with pytest.raises(OutboundFailed, match=r"TLS with tasks\.example failed: unable to get"):
            send("POST", f"https://tasks.example:{server.port}/hook")

    assert server.requests == []


def test_a_server_without_tls_is_a_failure() -> None:
    with (
        running_server(b"HTTP/1.1 400 Bad Request\r\n\r\n", reads=False) as server,
        pytest.raises(OutboundFailed, match=r"TLS with 127\.0\.0\.1 failed"),
    ):
        send("POST", server.url.replace("http:", "https:"))


def test_a_missing_file_of_authorities_is_an_error_of_ours(settings: Settings) -> None:
    settings.OUTBOUND_CA_FILE = "/nowhere/authority.pem"

    with pytest.raises(OSError, match=r"/nowhere/authority\.pem"):
        send("POST", "https://127.0.0.1:1/")

"""With a proxy of the operator's, requests leave through it, and it is the proxy that resolves names."""

import select
import socket
from pathlib import Path

import pytest
from pytest_django import Settings

from iacplatform.common.outbound import OutboundFailed, OutboundRefused, send
from tests.iacplatform.common.outbound.certificates import Authority
from tests.iacplatform.common.outbound.conftest import Lead
from tests.iacplatform.common.outbound.servers import Server, nobody, running_server

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


def test_an_http_request_goes_to_the_proxy_with_its_whole_address(
    settings: Settings, lead: Lead
) -> None:
    with running_server() as proxy:
        settings.OUTBOUND_PROXY = f"http://egress:pass@127.0.0.1:{proxy.port}"
        asked = lead(["127.0.0.1"])
        response = send("POST", "http://tasks.example/hook?a=b", body=b"{}")

    assert response.body == b"ok"
    assert proxy.head.startswith("POST http://tasks.example/hook?a=b HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic ZWdyZXNzOnBhc3M=" in proxy.head
    assert asked == ["127.0.0.1"]


def test_an_https_request_goes_through_a_tunnel_to_the_name(
    settings: Settings, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    settings.OUTBOUND_CA_FILE = str(authority.file)
    with running_server(tls=authority.server("tasks.example")) as server:

        def tunnel(client: socket.socket) -> None:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            relay(client, server)

        with running_server(tunnel) as proxy:
            settings.OUTBOUND_PROXY = proxy.url
            response = send("POST", "https://tasks.example/hook", body=b"{}")

    assert response.body == b"ok"
    assert proxy.head.startswith("CONNECT tasks.example:443 HTTP/1")
    assert server.head.startswith("POST /hook HTTP/1.1")


def relay(client: socket.socket, server: Server) -> None:
    """Passes bytes on in both directions until one side ends."""
    with socket.create_connection((server.host, server.port)) as upstream:
        other = {client: upstream, upstream: client}
        while True:
            for readable in select.select(list(other), [], [])[0]:
                chunk = readable.recv(65536)
                if not chunk:
                    return
                other[readable].sendall(chunk)


def test_a_number_that_may_not_be_called_is_refused_with_a_proxy_too(settings: Settings) -> None:
    with running_server() as proxy:
        settings.OUTBOUND_PROXY = proxy.url
        with pytest.raises(OutboundRefused):
            send("POST", "http://169.254.169.254/latest/meta-data")

    assert proxy.requests == []


def test_a_proxy_that_refuses_a_tunnel_is_a_failure(settings: Settings) -> None:
    with running_server(FORBIDDEN) as proxy:
        settings.OUTBOUND_PROXY = proxy.url
        with pytest.raises(OutboundFailed, match=r"^The proxy does not lead to tasks.example$"):
            send("POST", "https://tasks.example/hook")


def test_a_proxy_that_is_away_is_a_failure(settings: Settings) -> None:
    with nobody() as url:
        settings.OUTBOUND_PROXY = url
        with pytest.raises(OutboundFailed, match="Connection refused"):
            send("POST", "http://tasks.example/hook")


def test_time_runs_through_a_proxy_too(settings: Settings) -> None:
    def drip(client: socket.socket) -> None:
        while True:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            select.select([client], [], [], 0.05)

    with running_server(drip) as proxy:
        settings.OUTBOUND_PROXY = proxy.url
        with pytest.raises(OutboundFailed, match=r"did not answer within 0\.5 s"):
            send("POST", "http://tasks.example/hook", timeout=0.5)

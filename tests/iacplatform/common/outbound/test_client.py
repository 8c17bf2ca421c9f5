"""Requests to real servers: what is sent, what is refused, and what comes back."""

import gzip
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from traceback import format_exception

import pytest
from pytest_django import Settings

from iacplatform.common.outbound import OutboundFailed, OutboundRefused, check_url, send
from iacplatform.common.outbound.client import OutboundResponse
from tests.iacplatform.common.outbound.conftest import Lead
from tests.iacplatform.common.outbound.servers import OK, nobody, running_server

SECRET = "hunter2-do-not-show"


@pytest.mark.usefixtures("this_machine")
def test_a_request_arrives_as_it_was_sent_and_the_answer_comes_back() -> None:
    answer = b"HTTP/1.1 202 Accepted\r\nX-Request-Id: 7\r\nContent-Length: 6\r\n\r\nthanks"
    with running_server(answer) as server:
        response = send(
            "PATCH", f"{server.url}/hook?a=b", headers={"X-Signature": "sha512=0f"}, body=b"{}\n"
        )

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "PATCH /hook?a=b HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert "X-Signature: sha512=0f" in lines
    assert "User-Agent: IaC-Platform/1.0" in lines
    assert body == b"{}\n"
    assert (response.status, response.body, response.truncated) == (202, b"thanks", False)
    assert response.headers["x-request-id"] == "7"
    assert 0 < response.duration < 5


@pytest.mark.usefixtures("this_machine")
def test_the_caller_says_who_is_calling() -> None:
    with running_server() as server:
        send("POST", server.url, headers={"user-agent": "IaC-Platform/1.0 (Connection Test)"})

    assert server.head.lower().count("user-agent:") == 1
    assert "IaC-Platform/1.0 (Connection Test)" in server.head


@pytest.mark.usefixtures("this_machine")
@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 429, 500, 503])
def test_every_status_is_an_answer(status: int) -> None:
    answer = f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode()
    with running_server(answer) as server:
        assert send("POST", server.url).status == status


@pytest.mark.usefixtures("this_machine")
def test_a_redirect_is_not_followed() -> None:
    with running_server() as inner:
        answer = f"HTTP/1.1 307 T\r\nLocation: {inner.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        with running_server(answer) as server:
            response = send("POST", server.url)

    assert (response.status, response.headers["location"]) == (307, f"{inner.url}/")
    assert inner.requests == []


# --- What is refused


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tasks.example",
        "//tasks.example",
        "ftp://tasks.example/",
        "file:///etc/passwd",
        "gopher://tasks.example/",
        "javascript:alert(1)",
        "httpx://tasks.example/",
        "http://",
        "http:///path",
        "http://[::1",
        "http://tasks.example:port/",
        "http://tasks.example:99999/",
        "http://*.example/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(OutboundRefused):
        check_url(url)
    with pytest.raises(OutboundRefused):
        send("POST", url)


@pytest.mark.parametrize("user", ["ada@", "ada:pw@", ":pw@", "127.0.0.1@", "a%40b@"])
def test_an_address_with_a_user_name_is_refused(user: str) -> None:
    with pytest.raises(OutboundRefused, match="user name"):
        send("POST", f"http://{user}tasks.example/")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1%25lo]"],
)
def test_a_number_that_may_not_be_called_is_refused_before_it_is_called(host: str) -> None:
    """F50: the policy holds when an address is typed, too."""
    with pytest.raises(OutboundRefused, match="may not be called"):
        check_url(f"http://{host}/")
    with pytest.raises(OutboundRefused, match="may not be called"):
        send("POST", f"http://{host}/")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"]
)
def test_what_leads_to_this_machine_is_refused_however_it_is_written(host: str) -> None:
    """F50: names and unusual notations are judged by the address they lead to."""
    with running_server() as server, pytest.raises(OutboundRefused) as refusal:
        send("POST", f"http://{host}:{server.port}/")

    assert server.requests == []
    assert "127.0.0.1" not in str(refusal.value)


def test_a_name_with_one_address_inside_is_refused_whole(lead: Lead) -> None:
    lead(["93.184.215.14", "10.0.0.1"])

    with pytest.raises(OutboundRefused):
        send("POST", "http://tasks.example/")


def test_a_name_may_be_allowed(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["localhost"]
    with running_server() as server:
        assert send("POST", f"http://localhost:{server.port}").status == 200
        with pytest.raises(OutboundRefused):
            send("POST", server.url)

    assert f"Host: localhost:{server.port}" in server.head


@pytest.mark.usefixtures("this_machine")
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "inner"},
        {"content-length": "3"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "X-Signature"},
        {"X-Note": "a\r\nHost: inner"},
        {"X-Note\r\nHost": "inner"},
        {"X-Team": "平台"},
    ],
)
def test_headers_that_change_the_frame_of_the_message_are_refused(headers: dict[str, str]) -> None:
    with running_server() as server, pytest.raises(OutboundRefused):
        send("POST", server.url, headers=headers)

    assert server.requests == []


# --- Names and addresses


@pytest.mark.usefixtures("this_machine")
def test_a_name_that_leads_elsewhere_a_moment_later_changes_nothing(lead: Lead) -> None:
    """F50: the address that was checked is the one that is called."""
    with running_server() as good, running_server(host="127.0.0.2", port=good.port) as inner:
        asked = lead(["127.0.0.1"], ["127.0.0.2"])
        response = send("POST", f"http://tasks.example:{good.port}/")

    assert response.status == 200
    assert asked == ["tasks.example"]
    assert inner.requests == []
    assert f"Host: tasks.example:{good.port}" in good.head


@pytest.mark.usefixtures("this_machine")
def test_the_next_address_of_a_name_is_tried(lead: Lead) -> None:
    with running_server() as server:
        lead(["127.0.0.2", "127.0.0.1"])

        assert send("POST", f"http://tasks.example:{server.port}/").status == 200


@pytest.mark.usefixtures("this_machine")
def test_a_server_with_an_ipv6_address_is_called() -> None:
    with running_server(host="::1") as server:
        assert send("POST", server.url).status == 200

    assert f"Host: [::1]:{server.port}" in server.head


def test_a_name_that_does_not_exist_is_a_failure() -> None:
    with pytest.raises(OutboundFailed, match=r"^nowhere.invalid cannot be resolved$"):
        send("POST", "http://nowhere.invalid/")


@pytest.mark.usefixtures("this_machine")
def test_a_port_without_a_server_is_a_failure() -> None:
    with (
        nobody() as url,
        pytest.raises(OutboundFailed, match="cannot be connected: Connection ref"),
    ):
        send("POST", url)


@pytest.mark.usefixtures("this_machine")
def test_proxies_and_passwords_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.delenv("NO_PROXY", raising=False)
    with nobody() as url, running_server() as server:
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("ALL_PROXY", url)
        assert send("POST", server.url).status == 200

    assert "Authorization" not in server.head


# --- What comes back


@pytest.mark.usefixtures("this_machine")
def test_a_huge_body_is_cut_off() -> None:
    size = 50 * 1024**2
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    with running_server(answer) as server:
        response = send("POST", server.url, max_response_bytes=1000)

    assert (response.status, response.body, response.truncated) == (200, b"x" * 1000, True)


@pytest.mark.usefixtures("this_machine")
def test_a_body_without_an_end_is_cut_off() -> None:
    def pour(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            client.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")

    with running_server(pour) as server:
        response = send("POST", server.url, max_response_bytes=100_000)

    assert (len(response.body), response.truncated) == (100_000, True)


@pytest.mark.usefixtures("this_machine")
def test_a_body_of_just_the_limit_is_whole() -> None:
    with running_server() as server:
        response = send("POST", server.url, max_response_bytes=2)

    assert (response.body, response.truncated) == (b"ok", False)


@pytest.mark.usefixtures("this_machine")
def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with running_server(head + bomb) as server:
        response = send("POST", server.url)

    assert response.body == bomb
    assert "Accept-Encoding: identity" in server.head


@pytest.mark.usefixtures("this_machine")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_broken_off_or_is_not_http_is_a_failure(answer: bytes) -> None:
    with running_server(answer) as server, pytest.raises(OutboundFailed) as failure:
        send("POST", f"{server.url}/{SECRET}")

    assert "127.0.0.1 broke the connection off" in str(failure.value)


@pytest.mark.usefixtures("this_machine")
def test_secrets_that_a_server_repeats_are_masked() -> None:
    body = f'{{"you sent": "{SECRET}"}}'.encode()
    head = f"HTTP/1.1 200 OK\r\nX-Echo: {SECRET}!\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with running_server(head + body) as server:
        response = send("POST", server.url, secrets=[SECRET, ""])

    assert response.body == b'{"you sent": "***"}'
    assert response.headers["x-echo"] == "***!"


@pytest.mark.usefixtures("this_machine")
def test_neither_a_failure_nor_its_causes_nor_the_log_tell_the_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_server() as server:
        send("POST", f"{server.url}/{SECRET}", headers={"X-Key": SECRET}, body=SECRET.encode())
    with running_server(b"") as server, pytest.raises(OutboundFailed) as broken:
        send("POST", f"{server.url}/{SECRET}")
    with nobody() as url, pytest.raises(OutboundFailed) as refused:
        send("POST", f"{url}/{SECRET}?key={SECRET}")

    assert "outbound_answered" in caplog.text
    told = [caplog.text, *format_exception(broken.value), *format_exception(refused.value)]
    assert SECRET not in "".join(told)


# --- Retry-After


def answered(**headers: str) -> OutboundResponse:
    return OutboundResponse(429, headers, b"", truncated=False, duration=0.1)


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)

    assert answered(**{"Retry-After": "120"}).retry_after == 120
    assert 290 < (answered(**{"Retry-After": soon}).retry_after or 0) <= 300
    assert answered(**{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}).retry_after == 0


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "٣", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_says_nothing_is_ignored(value: str) -> None:
    assert answered(**{"Retry-After": value}).retry_after is None


def test_a_response_says_how_long_it_took(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.1"]

    def late(client: socket.socket) -> None:
        time.sleep(0.2)
        client.sendall(OK)

    with running_server(late) as server:
        assert 0.2 <= send("POST", server.url).duration < 5

"""A mail server on a socket, as much of SMTP (RFC 5321) as a client needs that hands mail over."""

import email
import email.policy
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

END = b"\r\n.\r\n"


@dataclass(frozen=True)
class Mail:
    """What was handed over: the envelope and the message, byte for byte."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def body(self, kind: str) -> str:
        """The ``plain`` or ``html`` body."""
        part = self.message.get_body((kind,))
        assert part is not None
        content: str = part.get_content()
        return content.replace("\r\n", "\n")


@dataclass
class MailServer:
    """What came in. ``replies`` to a command's verb take the place of the usual ones, one after another."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0

    def reply(self, verb: str, usual: str) -> bytes:
        """How a command is answered."""
        waiting = self.replies.get(verb, [])
        return f"{waiting.pop(0) if waiting else usual}\r\n".encode()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    state: MailServer

    def handle_error(self, *_: Any) -> None:
        """A client that has gone is no error of ours."""


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        state = self.server.state
        time.sleep(state.seconds)
        self.wfile.write(state.reply("CONNECT", "220 mail.example ready"))
        sender, recipients = "", list[str]()
        while line := self.rfile.readline().decode().strip():
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            if verb == "MAIL":
                sender, recipients = self._address(argument), []
            if verb == "DATA":
                self._take(sender, recipients)
                continue
            answer = state.reply(verb, "221 bye" if verb == "QUIT" else "250 fine")
            self.wfile.write(answer)
            if verb == "RCPT" and answer.startswith(b"250"):
                recipients.append(self._address(argument))
            if verb == "QUIT":
                return

    def _take(self, sender: str, recipients: list[str]) -> None:
        self.wfile.write(b"354 go ahead\r\n")
        content = b""
        while not content.endswith(END):
            content += self.rfile.readline()
        answer = self.server.state.reply("DATA", "250 taken")
        if answer.startswith(b"250"):
            text = content.removesuffix(END.removeprefix(b"\r\n")).replace(b"\r\n..", b"\r\n.")
            self.server.state.mails.append(Mail(sender, recipients, text))
        self.wfile.write(answer)

    def _address(self, argument: str) -> str:
        return argument.partition("<")[2].partition(">")[0]


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    """Listens on a free port of this machine."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        state = server.state = MailServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()

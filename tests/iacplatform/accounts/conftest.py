"""The web server, for tests of what is streamed."""

from tests.web_server import web_server

__all__ = ["web_server"]

"""The web server, as it is deployed, for tests of the outside."""

from tests.web_server import web_server

__all__ = ["web_server"]

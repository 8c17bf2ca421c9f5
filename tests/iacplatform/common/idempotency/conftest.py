"""Who calls the API, and about which workspace."""

from tests.api_clients import api, base, client_of, engine, member, workspace

__all__ = ["api", "base", "client_of", "engine", "member", "workspace"]

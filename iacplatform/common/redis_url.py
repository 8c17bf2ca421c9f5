"""The one Redis address of the settings, as Celery wants it."""

from urllib.parse import parse_qs, urlsplit


def broker_url(redis_url: str) -> str:
    """Derives Celery's broker URL from a redis-py URL.

    TCP addresses mean the same to both. A Unix socket is ``unix://[:password@]/path?db=0`` to
    redis-py and ``redis+socket://[:password@]/path?virtual_host=0`` to kombu.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"

"""One file fetched over the network, counted and checked while it arrives."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests

from executor.core.cancellation import CancelToken
from executor.core.exceptions import EngineError
from executor.core.settings import ExecutorSettings

_CHUNK_BYTES = 256 * 1024
_TIMEOUT = (10, 60)  # seconds to connect, and without a byte
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


def fetch(url: str, target: IO[bytes], settings: ExecutorSettings, cancel: CancelToken) -> str:
    """Writes what ``url`` holds to ``target`` and returns its sha256 (hex).

    Raises :class:`EngineError`: ``transient`` for the network and an overloaded server, ``user``
    for an address that is wrong, not allowed, or leads to more bytes than
    ``settings.max_engine_download_bytes``.
    """
    digest, size = hashlib.sha256(), 0
    deadline = time.monotonic() + settings.engine_download_wait
    for chunk in _chunks(url, settings.engine_url_schemes):
        cancel.raise_if_requested()
        size += len(chunk)
        if size > settings.max_engine_download_bytes:
            limit = settings.max_engine_download_bytes
            raise EngineError(f"{url} is larger than {limit:,} bytes.", "user")
        if time.monotonic() > deadline:
            raise EngineError(f"{url} arrives too slowly.", "transient")
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _chunks(url: str, schemes: frozenset[str]) -> Iterator[bytes]:
    _check_scheme(url, schemes)
    if urlsplit(url).scheme == "file":
        yield from _file_chunks(url)
        return
    try:
        with closing(requests.get(url, stream=True, timeout=_TIMEOUT)) as response:
            for step in (*response.history, response):
                _check_scheme(step.url, schemes)
            _check_status(url, response.status_code)
            yield from response.iter_content(_CHUNK_BYTES)
    except requests.exceptions.InvalidURL as error:
        raise EngineError(f"{url} is no address of an engine: {error}.", "user") from error
    except requests.RequestException as error:
        raise EngineError(f"{url} cannot be downloaded: {error}.", "transient") from error


def _file_chunks(url: str) -> Iterator[bytes]:
    try:
        with Path(url2pathname(urlsplit(url).path)).open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise EngineError(f"{url} cannot be read: {error.strerror}.", "user") from error


def _check_scheme(url: str, schemes: frozenset[str]) -> None:
    if urlsplit(url).scheme not in schemes:
        allowed = ", ".join(sorted(schemes))
        raise EngineError(f"{url} may not be downloaded: only {allowed} is allowed.", "user")


def _check_status(url: str, status: int) -> None:
    if status in _TRANSIENT_STATUSES:
        raise EngineError(f"{url} cannot be downloaded: HTTP status {status}.", "transient")
    if status != requests.codes.ok:
        raise EngineError(f"{url} does not lead to an engine: HTTP status {status}.", "user")

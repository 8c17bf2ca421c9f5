"""Engine binaries: from a real HTTP server, verified, once for all processes."""

import hashlib
import http.server
import io
import multiprocessing
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from executor.core import engine as engine_module
from executor.core.accessor import EngineRelease
from executor.core.cancellation import CancelToken
from executor.core.engine import install
from executor.core.exceptions import EngineError, TaskCancelled
from executor.core.settings import ExecutorSettings
from tests.executor.core.in_memory import InMemoryPlatform

PROGRAM = b"#!/bin/sh\necho engine\n"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


ARCHIVE = zipped(terraform=PROGRAM)


class Downloads(http.server.ThreadingHTTPServer):
    """Serves what a test puts into ``files``; ``requests`` counts."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/engine.zip": ARCHIVE}
        self.requests = 0
        self.pause = 0.0
        self.unavailable = 0

    def release(self, path: str = "/engine.zip", checksum: str = "") -> EngineRelease:
        content = self.files.get(path, b"")
        found = checksum or hashlib.sha256(content).hexdigest()
        url = f"http://127.0.0.1:{self.server_address[1]}{path}"
        return EngineRelease("terraform", "1.15.5", url, found)


class Handler(http.server.BaseHTTPRequestHandler):
    server: Downloads

    def do_GET(self) -> None:
        self.server.requests += 1
        path, _, behaviour = self.path.partition("?")
        if self.server.unavailable:
            self.server.unavailable -= 1
            self.send_error(503)
            return
        if behaviour.isdigit():
            self.send_error(int(behaviour))
            return
        if behaviour.startswith("to="):
            self.send_response(302)
            self.send_header("Location", behaviour.removeprefix("to="))
            self.end_headers()
            return
        content = self.server.files[path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        time.sleep(self.server.pause)
        if behaviour != "break":
            self.wfile.write(content[len(content) // 2 :])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def downloads() -> Iterator[Downloads]:
    with Downloads() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(tmp_path: Path, downloads: Downloads) -> ExecutorSettings:
    platform = InMemoryPlatform(downloads.release(), tmp_path)
    return platform.settings(engine_url_schemes=frozenset({"http"}))


def left_behind(settings: ExecutorSettings) -> list[Path]:
    return [
        path for path in settings.engines_dir.rglob("*") if path.is_file() and path.stat().st_size
    ]


def run_install(release: EngineRelease, settings: ExecutorSettings) -> Path:
    return install(release, settings, lambda _: None, CancelToken())


def test_a_release_is_downloaded_once_and_can_be_run(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    binary = run_install(downloads.release(), settings)
    assert run_install(downloads.release(), settings) == binary
    assert binary.read_bytes() == PROGRAM
    assert binary.stat().st_mode & 0o777 == 0o755
    assert downloads.requests == 1
    assert binary.is_relative_to(settings.engines_dir / "terraform" / "1.15.5")


def test_opentofu_has_a_binary_of_its_own_name(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    downloads.files["/tofu.zip"] = zipped(tofu=PROGRAM)
    release = replace(downloads.release("/tofu.zip"), engine="opentofu")
    assert run_install(release, settings).name == "tofu"


def test_a_wrong_checksum_is_refused_and_leaves_nothing(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    with pytest.raises(EngineError, match="has the checksum") as raised:
        run_install(downloads.release(checksum="a" * 64), settings)
    assert raised.value.kind == "user"
    assert left_behind(settings) == []


def test_a_release_with_another_checksum_is_installed_anew(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    first = run_install(downloads.release(), settings)
    downloads.files["/engine.zip"] = zipped(terraform=b"#!/bin/sh\necho second\n")
    second = run_install(downloads.release(), settings)
    assert second.read_bytes().endswith(b"second\n")
    assert first.read_bytes() == PROGRAM


@pytest.mark.parametrize(
    ("query", "kind"),
    [("?break", "transient"), ("?503", "transient"), ("?429", "transient"), ("?404", "user")],
)
def test_a_download_that_fails_leaves_nothing(
    downloads: Downloads, settings: ExecutorSettings, query: str, kind: str
) -> None:
    release = replace(downloads.release(), download_url=downloads.release().download_url + query)
    with pytest.raises(EngineError, match=r"engine\.zip") as raised:
        run_install(release, settings)
    assert raised.value.kind == kind
    assert left_behind(settings) == []
    assert run_install(downloads.release(), settings).is_file()


def test_a_server_that_is_overloaded_for_a_moment_is_asked_again(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    downloads.unavailable = 2
    said: list[str] = []
    binary = install(downloads.release(), settings, said.append, CancelToken())
    assert binary.read_bytes() == PROGRAM
    assert downloads.requests == 3
    again = [line for line in said if line.endswith("HTTP status 503. Trying again in 0.1 s.")]
    assert len(again) == 2


def test_a_release_that_is_wrong_is_not_asked_for_again(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    with pytest.raises(EngineError):
        run_install(downloads.release(checksum="a" * 64), settings)
    assert downloads.requests == 1


def test_a_stop_ends_the_wait_for_the_next_try(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    downloads.unavailable = 1
    cancel = CancelToken()

    def stop(line: str) -> None:
        if "Trying again" in line:
            cancel.request("stop")

    with pytest.raises(TaskCancelled):
        install(downloads.release(), replace(settings, init_waits=(60,)), stop, cancel)
    assert downloads.requests == 1


def test_a_server_that_is_not_there_is_transient(settings: ExecutorSettings) -> None:
    release = EngineRelease("terraform", "1.15.5", "http://127.0.0.1:1/engine.zip", "a" * 64)
    with pytest.raises(EngineError, match="cannot be downloaded") as raised:
        run_install(release, settings)
    assert raised.value.kind == "transient"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip", "is no zip archive with a file terraform"),
        (zipped(readme=b"x"), "is no zip archive with a file terraform"),
        (zipped(**{"../terraform": PROGRAM}), "is no zip archive with a file terraform"),
    ],
)
def test_an_archive_without_the_binary_is_refused(
    downloads: Downloads, settings: ExecutorSettings, content: bytes, message: str
) -> None:
    downloads.files["/engine.zip"] = content
    with pytest.raises(EngineError, match=message):
        run_install(downloads.release(), settings)
    assert left_behind(settings) == []


def test_a_binary_that_unpacks_to_too_much_is_refused(
    downloads: Downloads, settings: ExecutorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_MAX_BINARY_BYTES", 1000)
    downloads.files["/engine.zip"] = zipped(terraform=bytes(1_000_000))
    with pytest.raises(EngineError, match="the binary is too large"):
        run_install(downloads.release(), settings)
    assert left_behind(settings) == []


def test_a_download_that_is_too_large_is_broken_off(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    with pytest.raises(EngineError, match="is larger than 100 bytes"):
        run_install(downloads.release(), replace(settings, max_engine_download_bytes=100))
    assert left_behind(settings) == []


def test_a_scheme_that_is_not_allowed_is_refused_also_after_a_redirect(
    downloads: Downloads, settings: ExecutorSettings, tmp_path: Path
) -> None:
    (tmp_path / "engine.zip").write_bytes(ARCHIVE)
    local = replace(downloads.release(), download_url=(tmp_path / "engine.zip").as_uri())
    with pytest.raises(EngineError, match="only http is allowed"):
        run_install(local, settings)
    redirected = replace(
        downloads.release(), download_url=f"{downloads.release().download_url}?to=/engine.zip"
    )
    with pytest.raises(EngineError, match="only https is allowed"):
        run_install(redirected, replace(settings, engine_url_schemes=frozenset({"https"})))
    assert run_install(redirected, settings).is_file()


@pytest.mark.parametrize("version", ["../1.0", "", "1.0/x", "latest"])
def test_a_version_that_could_lead_elsewhere_is_refused(
    downloads: Downloads, settings: ExecutorSettings, version: str
) -> None:
    with pytest.raises(EngineError, match="is no version of terraform"):
        run_install(replace(downloads.release(), version=version), settings)


def test_a_release_without_a_checksum_is_refused(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    with pytest.raises(EngineError, match="has no sha256 checksum"):
        run_install(replace(downloads.release(), checksum=""), settings)


def test_a_stop_ends_a_download(downloads: Downloads, settings: ExecutorSettings) -> None:
    cancel = CancelToken()
    cancel.request("stop")
    with pytest.raises(TaskCancelled):
        install(downloads.release(), settings, lambda _: None, cancel)
    assert left_behind(settings) == []


def test_processes_that_need_the_same_release_download_it_once(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    downloads.pause = 0.3
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=run_install, args=(downloads.release(), settings)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert downloads.requests == 1


def test_what_a_killed_process_left_is_removed(
    downloads: Downloads, settings: ExecutorSettings
) -> None:
    draft = settings.engines_dir / "terraform" / "1.15.5" / ".new-killed"
    draft.mkdir(parents=True)
    (draft / "archive.zip").write_bytes(b"half")
    run_install(downloads.release(), settings)
    assert not draft.exists()

"""A pytest plugin: PostgreSQL and Redis for the session, up before Django reads its settings.

Each process that runs tests has servers of its own; the one that hands them out (``-n``) has none.

What the process remembers of an outage, which a test has made, ends with the test.

Where ``DATABASE_URL`` or ``REDIS_URL`` is set, that server is used. All files are in a directory
that goes with the session.
"""

import base64
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from iacplatform.embedded.exceptions import EmbeddedError
from iacplatform.embedded.services import embedded_services


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Starts the servers; a wrapper runs before pytest-django's hook, which loads the settings."""
    if _only_hands_out_tests(early_config):
        _refuse_shared_servers()
        return (yield from _settings_that_reach_nothing())
    _start_servers(early_config)
    return (yield)


def _only_hands_out_tests(config: pytest.Config) -> bool:
    """Whether this process has others run the tests: it needs no servers, and each of those its own."""
    options = config.known_args_namespace
    return bool(getattr(options, "numprocesses", None)) and "PYTEST_XDIST_WORKER" not in os.environ


def _refuse_shared_servers() -> None:
    """Platforms that share a Redis or a database would do each other's work."""
    given = [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]
    if given:
        raise pytest.UsageError(
            f"{' and '.join(given)} is one server, and -n needs one for each process: "
            "unset it, or use -n 0"
        )


def _settings_that_reach_nothing() -> Generator[None]:
    """Has pytest-django load the settings of the tools, and the processes it starts nothing of them."""
    before = dict(os.environ)
    os.environ["DJANGO_SETTINGS_MODULE"] = "iacplatform.settings.tooling"
    try:
        return (yield)
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _start_servers(config: pytest.Config) -> None:
    stack = ExitStack()
    config.add_cleanup(stack.close)
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="iacplatform-tests-")))
    directory.chmod(0o711)  # PostgreSQL's account must get through when root runs the tests
    try:
        os.environ.update(stack.enter_context(embedded_services(directory, durable=False)))
    except EmbeddedError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ.setdefault("SECRET_KEY", "signs nothing but what the tests ask for")
    os.environ.setdefault("ENCRYPTION_KEYS", base64.urlsafe_b64encode(os.urandom(32)).decode())
    os.environ.setdefault("DATA_DIR", str(directory / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The system tests come last: a platform that they have started costs the others no time."""
    items.sort(key=lambda item: "system" in item.path.relative_to(item.config.rootpath).parts)


@pytest.fixture(autouse=True)
def _outages_end() -> Iterator[None]:
    from iacplatform.common.hints import broker_outage  # noqa: PLC0415  imports settings
    from iacplatform.common.redis_client import redis_outage  # noqa: PLC0415  imports settings

    yield
    broker_outage.end()
    redis_outage.end()

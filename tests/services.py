"""A pytest plugin: PostgreSQL and Redis for the session, up before Django reads its settings.

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
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="iacplatform-tests-")))
    directory.chmod(0o711)  # PostgreSQL's account must get through when root runs the tests
    try:
        os.environ.update(stack.enter_context(embedded_services(directory, durable=False)))
    except EmbeddedError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ.setdefault("SECRET_KEY", "signs nothing but what the tests ask for")
    os.environ.setdefault("ENCRYPTION_KEYS", base64.urlsafe_b64encode(os.urandom(32)).decode())
    os.environ.setdefault("DATA_DIR", str(directory / "data"))
    return (yield)


@pytest.fixture(autouse=True)
def _outages_end() -> Iterator[None]:
    from iacplatform.common.hints import broker_outage  # noqa: PLC0415  imports settings
    from iacplatform.common.redis_client import redis_outage  # noqa: PLC0415  imports settings

    yield
    broker_outage.end()
    redis_outage.end()

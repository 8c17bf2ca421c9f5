"""A broker of a test's own, or one that nobody reaches, in the place of the one that the session has."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from celery import Celery
from celery.app import app_or_default

from iacplatform.common.hints import broker_outage


def no_broker() -> AbstractContextManager[None]:
    """A broker that refuses every connection while the block runs."""
    return broker_at("redis://127.0.0.1:1/0")


@contextmanager
def broker_at(url: str) -> Iterator[None]:
    """Sends messages there while the block runs."""
    usual = app_or_default()
    options = {
        "broker_url": url,
        "broker_transport_options": usual.conf.broker_transport_options,
        "task_publish_retry": False,
    }
    with Celery("elsewhere", config_source=options, set_as_current=False) as elsewhere:
        _use(elsewhere)
        try:
            yield
        finally:
            _use(usual)


def _use(app: Celery) -> None:
    """Uses this application's broker, in all threads; nothing is known of its outages."""
    app.set_current()
    app.set_default()
    broker_outage.end()

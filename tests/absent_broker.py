"""A broker that nobody reaches, in the place of the one that the session has."""

from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from celery.app import app_or_default


@contextmanager
def no_broker() -> Iterator[None]:
    """A broker that refuses every connection while the block runs."""
    usual = app_or_default()
    options = {
        "broker_url": "redis://127.0.0.1:1/0",
        "broker_transport_options": usual.conf.broker_transport_options,
        "task_publish_retry": False,
    }
    with Celery("cut off", config_source=options) as cut_off:
        cut_off.set_current()
        try:
            yield
        finally:
            usual.set_current()

"""Settings of the worker processes that the outbox's tests start."""

from iacplatform.settings.base import *  # noqa: F403

_HERE = "tests.iacplatform.common.outbox.deliverers"
OUTBOX_DELIVERERS = {
    "test.post": {"deliver": f"{_HERE}.post", "on_dead": f"{_HERE}.report_death"},
    "test.death": {"deliver": f"{_HERE}.post"},
    "test.broken": {"deliver": f"{_HERE}.break_down", "on_dead": f"{_HERE}.fail_to_report"},
    "test.looking": {"deliver": f"{_HERE}.look_around"},
}

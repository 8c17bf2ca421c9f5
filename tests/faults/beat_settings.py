"""Settings of a beat whose clock can jump: production's, and an offset to what it takes for the time.

The file that ``FAULT_CLOCK`` names holds the seconds; without it the clock is right. Celery's beat asks
one function for the time; the clock of the machine is that of every other process, and stays.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from celery import Celery

from iacplatform.settings.base import *  # noqa: F403

_now = Celery.now


def _shifted_now(app: Celery) -> datetime:
    try:
        offset = float(Path(os.environ["FAULT_CLOCK"]).read_text() or 0)
    except FileNotFoundError:
        offset = 0.0
    return _now(app) + timedelta(seconds=offset)


Celery.now = _shifted_now  # type: ignore[method-assign,assignment]

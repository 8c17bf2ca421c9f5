"""Settings of a stage worker that passes points: production's, and one more application."""

from iacplatform.settings.base import *  # noqa: F403
from iacplatform.settings.base import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.apps.FaultPointsConfig"]

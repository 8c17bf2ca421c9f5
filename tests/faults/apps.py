"""The application that puts points on a worker's way (see :mod:`tests.faults.passing`)."""

from importlib import import_module

from django.apps import AppConfig


class FaultPointsConfig(AppConfig):
    """Wraps functions of the executor, in this process only."""

    name = "tests.faults"
    label = "fault_points"

    def ready(self) -> None:
        """Everything that is wrapped has been loaded."""
        import_module("tests.faults.passing").wrap()

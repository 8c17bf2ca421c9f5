"""What was changed outside of the platform, and how it is watched."""

from workspaces.drift.models.check import CheckStatus, DriftCheck
from workspaces.drift.models.ignore_rule import DriftIgnoreRule
from workspaces.drift.models.settings import DriftSettings, settings_of
from workspaces.drift.models.severity import WORST_FIRST, Severity, severity_of, worst
from workspaces.drift.models.status import DriftStatus

__all__ = [
    "WORST_FIRST",
    "CheckStatus",
    "DriftCheck",
    "DriftIgnoreRule",
    "DriftSettings",
    "DriftStatus",
    "Severity",
    "settings_of",
    "severity_of",
    "worst",
]

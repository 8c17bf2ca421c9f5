"""What an operator sees of drift, and may do about it; one module a noun."""

from workspaces.drift.admin.check import DriftCheckAdmin
from workspaces.drift.admin.ignore_rule import DriftIgnoreRuleAdmin
from workspaces.drift.admin.settings import DriftSettingsAdmin
from workspaces.drift.admin.status import DriftStatusAdmin

__all__ = ["DriftCheckAdmin", "DriftIgnoreRuleAdmin", "DriftSettingsAdmin", "DriftStatusAdmin"]

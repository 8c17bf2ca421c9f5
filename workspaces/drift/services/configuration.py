"""When a workspace is checked and what of its drift is ignored: changing both."""

from typing import Any

from django.db import transaction

from iacplatform.accounts.models import User
from workspaces.drift.models import DriftIgnoreRule, DriftSettings
from workspaces.drift.services.results import judge_again
from workspaces.models import Workspace


def update_settings(workspace: Workspace, **changes: Any) -> DriftSettings:
    """Changes fields of a workspace's settings; the others stay as they are."""
    settings, _ = DriftSettings.objects.update_or_create(workspace=workspace, defaults=changes)
    return settings


def create_rule(workspace: Workspace, *, user: User, **fields: Any) -> DriftIgnoreRule:
    """Adds an ignore rule, which counts for what is known already too."""
    with transaction.atomic():
        rule = DriftIgnoreRule.objects.create(workspace=workspace, created_by=user, **fields)
        judge_again(workspace.pk)
    return rule


def update_rule(rule: DriftIgnoreRule, **changes: Any) -> None:
    """Changes fields of an ignore rule."""
    for name, value in changes.items():
        setattr(rule, name, value)
    with transaction.atomic():
        rule.save(update_fields=[*changes, "updated_at"])
        judge_again(rule.workspace_id)


def delete_rule(rule: DriftIgnoreRule) -> None:
    """Removes an ignore rule: what it hid is drift again, and announced."""
    with transaction.atomic():
        rule.delete()
        judge_again(rule.workspace_id)

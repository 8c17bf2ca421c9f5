"""Comparing two versions of a workspace's state."""

import json
from typing import Any

from iacplatform.common.errors import NotFound
from iacplatform.terraform.state import load_state
from iacplatform.terraform.state_comparison import Hides, StateComparison, compare_loaded
from iacplatform.terraform.state_secrets import StateSecrets, texts_in
from workspaces.models import Workspace
from workspaces.services.secrets import holds_secret, sensitive_values


def compare_versions(workspace: Workspace, before: int, after: int) -> StateComparison:
    """How version ``after`` of the state differs from version ``before``, without secrets.

    Raises :class:`NotFound` for a version that is not there.
    """
    found = workspace.state_versions.filter(version__in=[before, after])
    rows = {row.version: row for row in found}
    if missing := [number for number in (before, after) if number not in rows]:
        raise NotFound(f"There is no state version {missing[0]}")
    old, new = (load_state(rows[number].content) for number in (before, after))
    return compare_loaded(old, new, hides=_hides(workspace, old, new))


def _hides(workspace: Workspace, *states: dict[str, Any]) -> Hides:
    """Hides what holds a sensitive variable or a text marked in a state, or is one named as secret."""
    found = StateSecrets()
    for state in states:
        found.read(state)
    variables = sensitive_values(workspace)
    spellings = {each for text in found.marked for each in (text.strip(), json.dumps(text)[1:-1])}

    def hides(value: Any) -> bool:
        texts = list(texts_in(value))
        whole = "\n".join(texts)
        if any(spelling in whole for spelling in spellings) or not found.named.isdisjoint(texts):
            return True
        return holds_secret(value, variables)

    return hides

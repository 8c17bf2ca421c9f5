"""Which variables a workspace's tasks get, of its own and of variable sets, and which one wins.

docs/reference/variable-sets.md has the order as a table.
"""

from dataclasses import dataclass

from django.db.models import QuerySet

from workspaces.models import (
    SetVariable,
    Variable,
    VariableSet,
    VariableSetScope,
    Workspace,
    WorkspaceVariable,
)

# The smallest wins, first by rank, then by specificity, order and name.
PRIORITY_SET, OWN, OTHER_SET = range(3)
SPECIFICITY: dict[str, int] = {
    VariableSetScope.WORKSPACES: 0,
    VariableSetScope.PROJECTS: 1,
    VariableSetScope.ORGANIZATION: 2,
}


@dataclass(frozen=True)
class EffectiveVariable:
    """The variable that counts for a key, and those of the same key that do not, best first."""

    variable: WorkspaceVariable | SetVariable
    overrides: tuple[WorkspaceVariable | SetVariable, ...]


def effective_variables(
    workspace: Workspace, *, with_values: bool = False
) -> list[EffectiveVariable]:
    """What a task created now would get, by key; two kinds of variable may share a key.

    Values are read one by one unless ``with_values``.
    """
    by_key: dict[tuple[str, str], list[WorkspaceVariable | SetVariable]] = {}
    for variable in sorted(_candidates(workspace, with_values), key=_rank):
        by_key.setdefault((variable.key, variable.variable_type), []).append(variable)
    return [EffectiveVariable(best, tuple(rest)) for _, (best, *rest) in sorted(by_key.items())]


def _candidates(workspace: Workspace, with_values: bool) -> list[WorkspaceVariable | SetVariable]:
    own: QuerySet[WorkspaceVariable] = workspace.variables.current()
    sets = VariableSet.objects.applying_to(workspace)
    shared = SetVariable.objects.current().filter(variable_set__in=sets)
    shared = shared.select_related("variable_set")
    if not with_values:
        own, shared = own.defer("value"), shared.defer("value")
    return [*own, *shared]


def _rank(variable: Variable) -> tuple[int, int, int, str]:
    if not isinstance(variable, SetVariable):
        return (OWN, 0, 0, "")
    owner = variable.variable_set
    rank = PRIORITY_SET if owner.priority else OTHER_SET
    return (rank, SPECIFICITY[owner.scope], owner.order, owner.name)

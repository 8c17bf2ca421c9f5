"""Who calls, and about what: tokens and ids of things that are there, put into what schemathesis makes up."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.urls import Resolver404, resolve
from schemathesis import AuthContext, Case, HookContext
from schemathesis.core.parameters import ParameterLocation

from iacplatform.accounts.permissions import action_of, rule_of
from iacplatform.accounts.rules import Audience
from tests.api_fuzz.organizations import Ids, Tenant, a_scene

OURS, HELD, THEIRS, THEIR_CHILD, OUR_CHILD, MADE_UP = (
    "ours",
    "held",
    "theirs",
    "their child",
    "our child",
    "made up",
)
AIMS = (OURS, OURS, HELD, THEIRS, OURS, THEIR_CHILD, OURS, OUR_CHILD, OURS, MADE_UP)
"""In turn: most requests are about what is there."""
CALLERS = ("owner", "owner", "owner", "reader")
OF_ADMINISTRATORS = {Audience.STAFF, Audience.SUPERUSERS, Audience.OPERATORS}
SETS = "/variable-sets/"
PARENTS = ("workspace_id", "variable_set_id")
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
PLACEHOLDER = re.compile(r"\{\w+\}")


class Aim:
    """Chooses token and ids of each request, always in the same order."""

    def __init__(self, ours: Tenant, theirs: Tenant, administrator: str) -> None:
        self.ours, self.theirs, self.administrator = ours, theirs, administrator
        self.callers = {token: name for name, token in ours.tokens.items()}
        self.callers[administrator] = "administrator"
        self._turns: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
        self._fresh = ""

    def token(self, case: Case[Any]) -> str:
        """Whose request this is: an administrator's where nobody else may."""
        turn = next(self._turns[f"caller {case.operation.label}"])
        if audience_of(case) in OF_ADMINISTRATORS and turn % 4:
            return self.administrator
        return self.ours.tokens[CALLERS[turn % len(CALLERS)]]

    def at(self, case: Case[Any]) -> None:
        """Puts ids of existing things into a request, where it was not made to have wrong ones."""
        aim = AIMS[next(self._turns[case.operation.label]) % len(AIMS)]
        self._renew(case)
        if self.callers.get(bearer(case)) == "administrator" and aim not in {OURS, HELD}:
            aim = OURS  # an administrator may change what is theirs, and then nothing could be said of it
        if aim == MADE_UP and bearer(case) != self.administrator:
            return
        if not _is_negative(case, ParameterLocation.PATH):
            self._aim_address(case, aim)
        if not _is_negative(case, ParameterLocation.BODY):
            inputs = self.theirs if aim in {THEIRS, THEIR_CHILD} else self.ours
            case.body = with_ids(case.body, inputs.scenes[0])

    def _renew(self, case: Case[Any]) -> None:
        """A first request that may change something finds all there."""
        label = case.operation.label
        if case.operation.method.upper() in WRITES and label != self._fresh:
            self.ours.scenes[0] = a_scene(self.ours)
            connection.close()  # schemathesis calls from threads of its own
        self._fresh = label

    def _aim_address(self, case: Case[Any], aim: str) -> None:
        parents, children = self._ids(aim)
        for name in case.path_parameters:
            ids = parents if name in PARENTS else children
            of_set = name == "variable_id" and SETS in case.path
            name_of_id = "set_variable_id" if of_set else name
            if name_of_id in ids:
                case.path_parameters[name] = ids[name_of_id]

    def _ids(self, aim: str) -> tuple[Ids, Ids]:
        """Ids of what the address names first, and of what is in it."""
        ours, theirs = self.ours.scenes[0], self.theirs.scenes[0]
        return {
            OURS: (ours, ours),
            HELD: (self.ours.scenes[1], self.ours.scenes[1]),
            THEIRS: (theirs, theirs),
            THEIR_CHILD: (ours, theirs),
            OUR_CHILD: (theirs, ours),
        }[aim]


def with_ids(body: Any, ids: Ids) -> Any:
    """A body whose members that name something name something that is there."""
    if not isinstance(body, dict):
        return body
    return {
        name: _named(value, ids[name]) if name in ids else value for name, value in body.items()
    }


def _named(value: Any, there: Any) -> Any:
    if isinstance(value, list):
        return [there, *value[1:]] if value else value
    return value if value is None else there


def bearer(case: Case[Any]) -> str:
    """The token that a request has."""
    return str(case.headers.get("Authorization", "")).removeprefix("Bearer ")


def audience_of(case: Case[Any]) -> Audience | None:
    """Whom the access table lets in."""
    template, ids = PLACEHOLDER.subn("{}", case.operation.path)
    paths = (template.format(*each) for each in itertools.product(("ws-1", "1"), repeat=ids))
    found = next((view for view in map(_view_of, paths) if view is not None), None)
    if found is None:
        return None
    method = case.operation.method.lower()
    actions = getattr(found, "actions", None)
    name = actions.get(method) if actions else action_of(found.cls, method)
    rule = rule_of(found.cls, name) if name else None
    return rule.audience if rule else None


def _view_of(path: str) -> Any:
    """The view at a path; ``None`` where its ids are of the other kind."""
    try:
        view = resolve(path).func
    except Resolver404:
        return None
    return view if hasattr(view, "cls") else None


def _is_negative(case: Case[Any], location: ParameterLocation) -> bool:
    return case.meta is not None and case.meta.is_negative_at(location)


def aim_with(aim: Aim) -> tuple[type, Any]:
    """What schemathesis calls: a provider of tokens, and a hook that comes before each request."""

    class Tokens:
        """Gives each request its token."""

        def get(self, case: Case[Any], context: AuthContext) -> str:
            """The token."""
            return aim.token(case)

        def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
            """Sends it along."""
            case.headers["Authorization"] = f"Bearer {data}"

    def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        aim.at(case)

    return Tokens, before_call

"""Paths of module instances: ``module.network["eu"].module.subnet[0]``."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workspaces.cmdb.services.texts import clean, fit_key

_STEP = re.compile(r'module\.([^\W\d][\w-]*+)(?:\[([0-9]++|"(?:[^"\\]|\\.)*+")\])?(?:\.|$)')


@dataclass(frozen=True)
class Step:
    """One module call: ``text`` as the engine prints it, its name, and its key without quotes."""

    text: str
    name: str
    key: str


def steps_of(path: str) -> list[Step]:
    """The calls that lead to a module instance; none for the root module, whose path is empty."""
    return [
        Step(match[0].removesuffix("."), clean(match[1]), _unquoted(match[2] or ""))
        for match in _STEP.finditer(path)
    ]


def module_path(steps: Sequence[Step]) -> str:
    """The path of these calls, as the index has it."""
    return fit_key(".".join(step.text for step in steps))


def _unquoted(key: str) -> str:
    if not key.startswith('"'):
        return key
    try:
        text = str(json.loads(key))
    except ValueError:
        text = key[1:-1]
    return clean(text.replace("$${", "${").replace("%%{", "%{"))

"""Resource addresses for ``-target``, and the arguments a workspace adds with ``TF_CLI_ARGS``."""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from iacplatform.terraform.blocks import LABELS, labelled
from iacplatform.terraform.exceptions import ConfigurationError

_KEY = r'\[(?:[0-9]++|"(?:[^"\\]|\\.)*+")\]'
_NAME = r"[^\W\d][\w-]*+"

ADDRESS = rf"(?:module\.{_NAME}(?:{_KEY})?\.)*(?:data\.)?{_NAME}\.{_NAME}(?:{_KEY})?"
"""Regular expression of a resource instance's address, in groups that capture nothing."""

DEPOSED = r" \(deposed object [0-9a-f]+\)"
"""Regular expression of what follows the address of an object left by a failed replacement."""

_MODULE_PATH = re.compile(rf"module\.{_NAME}(?:{_KEY})?(?:\.module\.{_NAME}(?:{_KEY})?)*")
_TARGET = re.compile(r"--?target(?:=(.*))?", re.DOTALL)


def resource_addresses(tf_code: dict[str, Any]) -> list[str]:
    """Returns the ``-target`` addresses of a body: ``module.x``, then ``type.name``.

    Raises :class:`ConfigurationError` when the body is not of Terraform's JSON syntax.
    """
    modules = labelled(tf_code.get("module", {}), LABELS["module"], "module")
    resources = labelled(tf_code.get("resource", {}), LABELS["resource"], "resource")
    return [
        *(f"module.{name}" for (name,), _ in modules),
        *(".".join(labels) for labels, _ in resources),
    ]


def is_target(text: str) -> bool:
    """Says whether ``-target`` takes this: the address of a resource, an instance or a module."""
    return bool(re.fullmatch(ADDRESS, text) or _MODULE_PATH.fullmatch(text))


def split_cli_args(value: str) -> tuple[str, ...]:
    """Splits the value of ``TF_CLI_ARGS`` as a POSIX shell would, without expanding anything.

    Raises :class:`ConfigurationError` when a quotation is not closed.
    """
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ConfigurationError(
            f"The environment variable TF_CLI_ARGS cannot be split into arguments: {error}."
        ) from error


def split_targets(arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the addresses that ``arguments`` target and the arguments without them.

    All of Terraform's spellings count: one or two dashes, the address after ``=`` or as the next
    argument (reference §5.4: targets are read from ``TF_CLI_ARGS``; a drift check strips them).
    """
    targets: list[str] = []
    others: list[str] = []
    rest: Iterator[str] = iter(arguments)
    for argument in rest:
        match = _TARGET.fullmatch(argument)
        if match is None:
            others.append(argument)
        else:
            targets.append(match[1] if match[1] is not None else next(rest, ""))
    return tuple(filter(None, targets)), tuple(others)

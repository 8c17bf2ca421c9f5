"""What ignore rules apply to."""

from collections.abc import Iterable, Sequence

from workspaces.drift.models import DriftIgnoreRule


def rule_for_object(rules: Iterable[DriftIgnoreRule], address: str) -> str:
    """The id of the first rule that ignores all that happens to an object; empty without one."""
    found = (rule for rule in rules if not rule.attribute_path)
    return next((rule.rule_id for rule in found if is_like(address, rule.address_pattern)), "")


def ignored_paths(
    rules: Iterable[DriftIgnoreRule], address: str, paths: Sequence[str]
) -> list[str]:
    """Those of the paths of an object at or below which a rule ignores differences."""
    patterns = [
        rule.attribute_path
        for rule in rules
        if rule.attribute_path and is_like(address, rule.address_pattern)
    ]
    return [path for path in paths if any(_is_below(path, pattern) for pattern in patterns)]


def is_like(text: str, pattern: str) -> bool:
    """Whether the whole text fits a pattern in which ``*`` stands for any characters.

    Nothing else has a meaning: the brackets of an address are brackets. Takes time linear in both.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first):
        return False
    position = len(first)
    for part in middle:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return text.endswith(last) and position <= len(text) - len(last)


def _is_below(path: str, pattern: str) -> bool:
    return any(is_like(path, each) for each in (pattern, f"{pattern}.*", f"{pattern}[*"))

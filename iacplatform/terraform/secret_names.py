"""Attributes and resource types whose name says that there is a secret in them.

Older engines do not mark in a state what only the provider's schema calls sensitive: their names have to do.
"""

import re
from functools import lru_cache

SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|secret|private_?key|token|credential|api_?key|access_?key|"
    r"connection_string|kube_?config",
    re.IGNORECASE,
)
IDENTIFYING = frozenset(
    {
        *("id", "name", "display_name", "arn", "self_link", "description"),
        *("tags", "tags_all", "labels", "region", "location", "project", "account_id"),
    }
)
"""Attributes that are shown whatever the type of the resource says."""


@lru_cache(maxsize=8192)
def says_secret(name: str) -> bool:
    """Whether the name of an attribute or of a resource type says that there is a secret in it."""
    return bool(SECRET_NAME.search(name))

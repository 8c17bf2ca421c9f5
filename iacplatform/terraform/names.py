"""Names that a workspace may not give to its variables."""

import re

from iacplatform.terraform.hcl import is_identifier

# Meta-arguments of a module block; Terraform and OpenTofu refuse variables of these names.
_META_ARGUMENTS = frozenset(
    {"count", "depends_on", "for_each", "lifecycle", "locals", "providers", "source", "version"}
)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# With these a workspace could move the files the platform relies on, or change what it starts.
_REFUSED = re.compile(
    r"LD_.*|DYLD_.*"
    r"|TF_DATA_DIR|TF_WORKSPACE|TF_INPUT|TF_IN_AUTOMATION|TF_CLI_CONFIG_FILE|TERRAFORM_CONFIG"
    r"|TF_PLUGIN_CACHE_.*|TF_CLI_ARGS_.*|TF_LOG_PATH|TF_REATTACH_PROVIDERS|TF_ENCRYPTION"
    r"|TF_STATE_PERSIST_INTERVAL"
)


def is_variable_name(name: str) -> bool:
    """Says whether a configuration can declare a variable of this name."""
    return is_identifier(name) and name not in _META_ARGUMENTS


def is_environment_name(name: str) -> bool:
    """Says whether a workspace may set this environment variable.

    Refused are the loader's (``LD_*``), those that move Terraform's files (``TF_DATA_DIR``,
    ``TF_PLUGIN_CACHE_DIR``, ``TF_CLI_CONFIG_FILE``, ``TF_WORKSPACE``, ``TF_LOG_PATH`` …) and
    ``TF_CLI_ARGS_*``, which would reach commands other than ``plan``.
    """
    return bool(_ENVIRONMENT_NAME.fullmatch(name)) and not _REFUSED.fullmatch(name)

"""What an engine's process sees of its surroundings: an allow-list, never the worker's own.

Reference §5.4. The same environment serves ``init``, ``plan``, ``show`` and ``apply``.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from executor.core.accessor import TaskSpec
from executor.core.messages import Level
from executor.core.settings import ExecutorSettings
from executor.core.workdir import WorkDirectory
from iacplatform.terraform.addresses import split_cli_args, split_targets
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.names import is_environment_name

# What a program needs to run at all, to speak to the network and to write in the right language.
# A worker's secrets are under other names, and its home folder is that of a service account.
_INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
    | {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"}
)
_LOG_LEVELS: dict[str, Level] = {
    "TRACE": "DEBUG",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "WARN": "WARN",
    "ERROR": "ERROR",
}
# Arguments that would change where a plan goes or how its end is read.
_REFUSED_ARGUMENT = re.compile(
    r"--?(?:chdir|out|state|state-out|backup|input|json|detailed-exitcode)(?:=.*)?",
    re.DOTALL,
)
_NOT_FOR_DRIFT = re.compile(r"--?(?:destroy|replace|refresh|refresh-only)(?:=.*)?", re.DOTALL)


def refused_names(environment: Mapping[str, str]) -> list[str]:
    """Returns the environment variables that a workspace may not set, or that are none."""
    return sorted(
        name
        for name, value in environment.items()
        if not is_environment_name(name) or "\0" in value
    )


def log_level(environment: Mapping[str, str]) -> Level:
    """Returns the verbosity of the platform's own lines, which a workspace sets by ``TF_LOG``."""
    return _LOG_LEVELS.get(environment.get("TF_LOG", "").upper(), "INFO")


def engine_environment(
    spec: TaskSpec,
    settings: ExecutorSettings,
    workdir: WorkDirectory,
    inherited: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Returns the environment of every command of a task's engine."""
    refused = {*refused_names(spec.environment), "TF_CLI_ARGS", "TF_LOG"}
    workspace = {name: text for name, text in spec.environment.items() if name not in refused}
    config_file = settings.cli_config_file
    return {
        **{name: inherited[name] for name in inherited if _is_inherited(name)},
        **_aws_region(spec.configuration.provider_config),
        **workspace,
        "TF_IN_AUTOMATION": "true",
        "TF_INPUT": "false",
        "TF_REGISTRY_CLIENT_TIMEOUT": workspace.get("TF_REGISTRY_CLIENT_TIMEOUT", "60"),
        "TF_PLUGIN_CACHE_DIR": str(workdir.plugin_cache),
        "CHECKPOINT_DISABLE": "1",
        **({"TF_CLI_CONFIG_FILE": str(config_file)} if config_file else {}),
    }


def plan_arguments(spec: TaskSpec) -> tuple[str, ...]:
    """Returns what a task adds to ``plan``: ``TF_CLI_ARGS``, targets, ``-refresh-only``.

    A drift check looks at everything and changes nothing: it has no targets (reference §5.6).
    Raises :class:`ConfigurationError` for an argument that the platform has to set itself.
    """
    targets, others = split_targets(split_cli_args(spec.environment.get("TF_CLI_ARGS", "")))
    for argument in others:
        if _REFUSED_ARGUMENT.fullmatch(argument):
            raise ConfigurationError(f"TF_CLI_ARGS: the platform sets {argument} itself.")
    if spec.task_type == "drift_check":
        return ("-refresh-only", *(arg for arg in others if not _NOT_FOR_DRIFT.fullmatch(arg)))
    addresses = dict.fromkeys([*targets, *spec.targets])
    return (*others, *(f"-target={address}" for address in addresses))


def _is_inherited(name: str) -> bool:
    return name in _INHERITED or name.startswith("LC_")


def _aws_region(provider_config: Mapping[str, Any]) -> dict[str, str]:
    """Reads the region of the first ``aws`` provider, for what asks only the environment for it."""
    providers = provider_config.get("provider")
    # Terraform's JSON syntax allows a list wherever a block may be repeated.
    for block in providers if isinstance(providers, list) else [providers]:
        found = block.get("aws") if isinstance(block, dict) else None
        first = found[0] if isinstance(found, list) and found else found
        region = first.get("region") if isinstance(first, dict) else None
        if isinstance(region, str) and "${" not in region:
            return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return {}

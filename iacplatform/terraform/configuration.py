"""The files a workspace is planned from, written from its resources, variables and outputs.

Reference §5.3 has their contents; https://developer.hashicorp.com/terraform/language/syntax/json
their syntax, in which a text is a template: a literal ``${`` is written ``$${``.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from iacplatform.terraform.bodies import Bodies, merge_required_providers, split_terraform
from iacplatform.terraform.exceptions import ConfigurationError
from iacplatform.terraform.hcl import ValueFormat, escape_template, is_identifier, tfvars_line

REMOTE_DATA_FILE = "remote_data.tf.json"


@dataclass(frozen=True)
class Variable:
    """A terraform variable: ``value`` is a text, or HCL where ``value_format`` says so."""

    key: str
    value: str = field(repr=False)
    value_format: ValueFormat = "string"
    sensitive: bool = False
    description: str = ""


@dataclass(frozen=True)
class Output:
    """An output of the workspace.

    ``module`` is the name of a module block (see :func:`module_name`) and ``value`` an expression,
    with or without ``${…}`` around it. With an empty ``module`` the output is static: ``value`` is
    a text that is put out as it is.
    """

    module: str
    name: str
    value: str = field(repr=False)
    description: str = ""
    sensitive: bool = False


@dataclass(frozen=True)
class RemoteData:
    """The outputs of another workspace, read from ``url`` with ``token`` as ``local.<name>``."""

    name: str
    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Configuration:
    """All that the generated files are written from.

    ``bodies`` are the codes of the resources and ``provider_config`` the workspace's providers,
    each in Terraform's JSON syntax. ``variables`` are terraform variables only: an environment
    variable has no place in a file.
    """

    bodies: tuple[dict[str, Any], ...] = ()
    provider_config: dict[str, Any] = field(default_factory=dict)
    variables: tuple[Variable, ...] = ()
    outputs: tuple[Output, ...] = ()
    remote_data: tuple[RemoteData, ...] = ()


def render(
    configuration: Configuration, *, declare_variables: bool = True, main: bool = True
) -> dict[str, str]:
    """Returns the content of each generated file by its name.

    ``main.tf.json`` (unless ``main`` is false) and ``variables.tfvars`` are always there, the
    others only with something in them. A configuration uploaded as HCL declares its variables and
    resources itself: it takes ``declare_variables=False, main=False``.

    Raises :class:`ConfigurationError` naming the address that is defined twice or cannot be read.
    """
    bodies = Bodies()
    for body in configuration.bodies if main else ():
        bodies.add(body)
    provider = _provider(configuration.provider_config, bodies)
    files = {
        "provider.tf.json": provider,
        "variables.tf.json": _variables(configuration, bodies) if declare_variables else {},
        "outputs.tf.json": _outputs(configuration.outputs, bodies),
        REMOTE_DATA_FILE: _remote_data(configuration.remote_data, bodies),
    }
    rendered = {"main.tf.json": _json(bodies.merged())} if main else {}
    rendered |= {name: _json(content) for name, content in files.items() if content}
    return {**rendered, "variables.tfvars": _tfvars(configuration.variables)}


def provider_config_hash(provider_config: dict[str, Any]) -> str:
    """Returns the sha256 (hex) of the canonical JSON of a provider configuration (reference §5.5).

    Canonical: keys sorted, no white space, so that only a real change asks for ``-upgrade``.
    """
    canonical = json.dumps(provider_config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def module_name(resource_id: str) -> str:
    """Returns the name of the module block that stands for a resource, by convention."""
    return resource_id.replace(".", "_")


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _provider(config: dict[str, Any], bodies: Bodies) -> dict[str, Any]:
    """Takes over what the bodies require, for a module may have only one ``required_providers``."""
    bodies.claim_providers(config.get("provider", {}))
    blocks, required = split_terraform(config.get("terraform") or {})
    written = {key: value for key, value in config.items() if key != "terraform" and value}
    if required and bodies.required_providers:
        merge_required_providers(required, bodies.take_required_providers())
        return {**written, "terraform": [*blocks, {"required_providers": required}]}
    return {**written, **({"terraform": config["terraform"]} if blocks or required else {})}


def _variables(configuration: Configuration, bodies: Bodies) -> dict[str, Any]:
    """Declares the variables that no body declares; a body's own declaration stands."""
    declared = {}
    for variable in configuration.variables:
        if not bodies.has("variable", variable.key):
            declared[variable.key] = _declaration(variable)
        elif variable.sensitive:
            bodies.mark_sensitive(variable.key)
    return {"variable": declared} if declared else {}


def _declaration(variable: Variable) -> dict[str, Any]:
    # A type would turn the maps and lists of an HCL value away.
    kind = {"type": "string"} if variable.value_format == "string" else {}
    return {**kind, **_annotations(variable)}


def _annotations(item: Variable | Output) -> dict[str, Any]:
    description = {"description": escape_template(item.description)} if item.description else {}
    return {**description, **({"sensitive": True} if item.sensitive else {})}


def _tfvars(variables: Iterable[Variable]) -> str:
    lines: dict[str, str] = {}
    for variable in variables:
        if variable.key in lines:
            raise ConfigurationError(f"var.{variable.key} is defined twice.")
        lines[variable.key] = tfvars_line(variable.key, variable.value, variable.value_format)
    return "".join(f"{line}\n" for line in lines.values())


def _outputs(outputs: Iterable[Output], bodies: Bodies) -> dict[str, Any]:
    written = {}
    for output in outputs:
        name = f"{output.module or 'static'}-{output.name}"
        if not is_identifier(name):
            raise ConfigurationError(f"output.{name} is not a valid Terraform name.")
        bodies.claim("output", name)
        written[name] = {"value": _output_value(output, name), **_annotations(output)}
    return {"output": written} if written else {}


def _output_value(output: Output, name: str) -> str:
    if not output.module:
        return escape_template(output.value)
    expression = output.value.strip()
    if not expression:
        raise ConfigurationError(f"output.{name} has no value.")
    return expression if "${" in expression else f"${{{expression}}}"


def _remote_data(remote_data: Iterable[RemoteData], bodies: Bodies) -> dict[str, Any]:
    sources, local_values = {}, {}
    for remote in remote_data:
        if not is_identifier(remote.name):
            raise ConfigurationError(f"local.{remote.name} is not a valid Terraform name.")
        source = f"remote_{remote.name}"
        bodies.claim("locals", remote.name)
        bodies.claim("data", "http", source)
        sources[source] = [_request(remote)]
        local_values[remote.name] = _remote_outputs(source)
    if not sources:
        return {}
    return {"data": {"http": sources}, "locals": local_values}


def _remote_outputs(source: str) -> str:
    """What is sensitive in the workspace that is read is sensitive in the one that reads it.

    Two loops, because a conditional is sensitive as soon as one of its results is.
    """
    each = f"for name, output in jsondecode(data.http.{source}.response_body).outputs : name"
    plain = f"{{ {each} => output if !output.sensitive }}"
    sensitive = f"{{ {each} => sensitive(output) if output.sensitive }}"
    return f"${{merge({plain}, {sensitive})}}"


def _request(remote: RemoteData) -> dict[str, Any]:
    return {
        "url": escape_template(remote.url),
        "request_headers": {"Authorization": f"Bearer {escape_template(remote.token)}"},
    }

"""A real provider that stands in for ``hashicorp/http``: its data source, with what the platform writes.

The engine runs it as a process of its own, over the plugin protocol, which the package ``tf`` speaks.
Like HashiCorp's, it gives out whatever the server answers: a refusal is a ``status_code``, not an error.
https://registry.terraform.io/providers/hashicorp/http/latest/docs/data-sources/http
"""

# mypy: disable-error-code="misc, no-any-return"

import urllib.error
import urllib.request
from typing import Any

from tf.iface import DataSource, Provider
from tf.runner import run_provider
from tf.schema import Attribute, Schema
from tf.types import Map, Number, String

State = dict[str, Any]
TIMEOUT_SECONDS = 30


class Http(DataSource):
    """``http``."""

    def __init__(self, provider: Provider) -> None:
        """Nothing of the provider is needed."""

    @classmethod
    def get_name(cls) -> str:
        """What follows the prefix: nothing does."""
        return ""

    @classmethod
    def get_schema(cls) -> Schema:
        """The attributes."""
        return Schema(
            attributes=[
                Attribute("id", String(), computed=True),
                Attribute("url", String(), required=True),
                Attribute("request_headers", Map(String()), optional=True),
                Attribute("response_body", String(), computed=True),
                Attribute("status_code", Number(), computed=True),
            ]
        )

    def read(self, ctx: Any, config: State) -> State:
        """GETs the address."""
        status, body = _get(config["url"], config.get("request_headers") or {})
        answer = {"id": config["url"], "response_body": body, "status_code": status}
        return {**config, **answer}


def _get(url: str, headers: dict[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the tests' own addresses
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


class HttpProvider(Provider):
    """The provider ``http``."""

    def get_model_prefix(self) -> str:
        """What the names of its data sources begin with: there is one, which is called the same."""
        return "http"

    def full_name(self) -> str:
        """Its address."""
        return "registry.terraform.io/hashicorp/http"

    def get_provider_schema(self, diags: Any) -> Schema:
        """It needs no configuration."""
        return Schema(attributes=[])

    def validate_config(self, diags: Any, config: State) -> None:
        """There is nothing to check."""

    def configure_provider(self, diags: Any, config: State) -> None:
        """There is nothing to set up."""

    def get_data_sources(self) -> list[Any]:
        """The one."""
        return [Http]

    def get_resources(self) -> list[Any]:
        """None."""
        return []


if __name__ == "__main__":
    run_provider(HttpProvider())

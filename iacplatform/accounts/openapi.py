"""How the OpenAPI document describes the two kinds of bearer tokens."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer`` with an API token or a login's access token."""

    target_class = "iacplatform.accounts.authentication.BearerAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """The security scheme object."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token (`iac_…`) or the `access_token` of a login",
        }

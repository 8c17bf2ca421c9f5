"""Configurations that need no provider: ``terraform_data`` is built into the engine."""

from typing import Any

Code = dict[str, Any]


def resources(**inputs: Any) -> Code:
    """A ``terraform_data`` for each name, with this input."""
    bodies = {name: {"input": value} for name, value in inputs.items()}
    return {"resource": {"terraform_data": bodies}}


def command(script: str, **more: Any) -> Code:
    """The body of a ``terraform_data`` that runs a shell script when it is created."""
    return {"provisioner": [{"local-exec": {"command": script}}]} | more


def talking(script: str) -> Code:
    """One resource that runs a script."""
    return {"resource": {"terraform_data": {"talking": command(script)}}}


def half_failing() -> Code:
    """Two resources that are created, one that fails, one that depends on it."""
    return {
        "resource": {
            "terraform_data": {
                "first": {"input": "first"},
                "second": {"input": "second", "depends_on": ["terraform_data.first"]},
                "broken": command(
                    "echo about to fail; exit 3", depends_on=["terraform_data.second"]
                ),
                "never": {"input": "never", "depends_on": ["terraform_data.broken"]},
            }
        }
    }

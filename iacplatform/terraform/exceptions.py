"""What can be wrong with a file of Terraform's, or with what one is to be written from."""


class TerraformFormatError(Exception):
    """A file format was not kept; the message is a sentence for the person who wrote the input."""


class ConfigurationError(TerraformFormatError):
    """No configuration can be written from what the workspace holds."""


class PlanError(TerraformFormatError):
    """The plan JSON is not one of ``terraform show -json``."""


class StateError(TerraformFormatError):
    """The content is not a Terraform state; ``field`` is the member at fault, where it is one."""

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message)
        self.field = field

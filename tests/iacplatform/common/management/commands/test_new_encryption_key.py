"""The command that prints a key."""

import io

from django.core.management import call_command
from pytest_django import Settings

from iacplatform.common.encryption import seal, unseal


def printed_key() -> str:
    """What the command printed."""
    output = io.StringIO()
    call_command("new_encryption_key", stdout=output)
    return output.getvalue()


def test_the_printed_line_can_be_used_as_a_key(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [printed_key().removesuffix("\n")]
    assert unseal(seal(b"text")) == b"text"


def test_each_key_is_new() -> None:
    assert printed_key() != printed_key()

"""What is encrypted at rest: the bytes themselves."""

import base64
import os

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from iacplatform.common.encryption import (
    COMPRESS_FROM,
    DecryptionError,
    seal,
    sealed_with_primary,
    unseal,
)


def new_key() -> str:
    """A key as ``ENCRYPTION_KEYS`` wants it."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


@pytest.mark.parametrize("size", [0, 1, COMPRESS_FROM - 1, COMPRESS_FROM, 1_000_000])
def test_bytes_of_any_size_come_back_as_they_were(size: int) -> None:
    content = os.urandom(size)
    assert unseal(seal(content)) == content


def test_the_sealed_bytes_do_not_contain_the_text() -> None:
    assert b"correct horse" not in seal(b"correct horse")


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert seal(b"same") != seal(b"same")


def test_a_long_text_is_compressed_before_it_is_sealed() -> None:
    assert len(seal(b"a" * 100_000)) < 2_000


def test_a_value_sealed_with_an_older_key_still_opens(settings: Settings) -> None:
    old, new = new_key(), new_key()
    settings.ENCRYPTION_KEYS = [old]
    sealed = seal(b"text")
    settings.ENCRYPTION_KEYS = [new, old]
    assert unseal(sealed) == b"text"
    assert not sealed_with_primary(sealed)
    assert sealed_with_primary(seal(b"text"))


def test_a_value_whose_key_was_removed_is_refused(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [new_key()]
    sealed = seal(b"text")
    settings.ENCRYPTION_KEYS = [new_key()]
    with pytest.raises(DecryptionError, match="not configured"):
        unseal(sealed)


def test_no_byte_of_a_sealed_value_can_be_changed_unnoticed() -> None:
    sealed = seal(b"text")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(DecryptionError):
            unseal(bytes(changed))


@pytest.mark.parametrize("value", [b"", b"clear text", b"\x02" + bytes(60)])
def test_bytes_that_were_never_sealed_are_refused(value: bytes) -> None:
    with pytest.raises(DecryptionError, match="not an encrypted one"):
        unseal(value)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ([], "at least one key"),
        (["c2hvcnQ="], "32 bytes"),
        (["a"], "not URL-safe base64"),
        (["schlüssel"], "not URL-safe base64"),
    ],
)
def test_a_bad_list_of_keys_is_named(keys: list[str], sentence: str, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = keys
    with pytest.raises(ImproperlyConfigured, match=sentence):
        seal(b"text")

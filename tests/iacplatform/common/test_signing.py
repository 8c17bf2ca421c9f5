"""Signatures against values that others computed."""

import pytest

from iacplatform.common.signing import (
    Algorithm,
    hmac_hex,
    prefixed_signature,
    signature_matches,
)

KEY, BODY = "Jefe", b"what do ya want for nothing?"
# RFC 4231, test case 2.
SHA256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
SHA512 = (
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
)


def test_the_hmac_is_that_of_the_standard() -> None:
    assert hmac_hex(KEY, BODY, "sha256") == SHA256
    assert hmac_hex(KEY, BODY, "sha512") == SHA512


def test_a_prefix_says_which_algorithm_it_was() -> None:
    assert prefixed_signature(KEY, BODY, "sha512") == f"sha512={SHA512}"
    assert prefixed_signature(KEY, BODY, "sha256") == f"sha256={SHA256}"


@pytest.mark.parametrize(("algorithm", "digest"), [("sha256", SHA256), ("sha512", SHA512)])
def test_either_form_is_accepted(algorithm: Algorithm, digest: str) -> None:
    assert signature_matches(digest, KEY, BODY, algorithm)
    assert signature_matches(f"{algorithm}={digest}", KEY, BODY, algorithm)


@pytest.mark.parametrize(
    "header",
    ["", "sha512=", SHA512[:-1], f"{SHA512}0", f"sha256={SHA512}", f"sha512=sha512={SHA512}", "ü"],
)
def test_anything_else_is_not(header: str) -> None:
    assert not signature_matches(header, KEY, BODY, "sha512")


def test_another_key_or_body_has_another_signature() -> None:
    assert not signature_matches(SHA512, "Jeff", BODY, "sha512")
    assert not signature_matches(SHA512, KEY, BODY + b" ", "sha512")

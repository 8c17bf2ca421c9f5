"""The signatures that tests compare with are right themselves."""

from tests.notifications.signatures import hmac_sha256


def test_the_hmac_is_that_of_rfc_4231() -> None:
    """RFC 4231, test cases 1 and 6: a short key, and one that is longer than a block."""
    assert hmac_sha256(b"\x0b" * 20, b"Hi There").hex() == (
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    long_key = hmac_sha256(b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First")
    assert long_key.hex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"

"""Public addresses may be called, everything else only when it is allowed by name or number."""

import pytest
from pytest_django import Settings

from iacplatform.common.outbound.addresses import may_call

PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]
REFUSED = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert may_call("tasks.example", address)


@pytest.mark.parametrize("address", REFUSED)
def test_a_special_address_may_not_be_called(address: str) -> None:
    """F50: loopback, private, link-local, metadata, multicast, mapped and translated addresses."""
    assert not may_call("tasks.example", address)


def test_a_network_can_be_allowed(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["10.1.0.0/16", "fd12::/16"]

    assert may_call("tasks.example", "10.1.2.3")
    assert may_call("tasks.example", "fd12::1")
    assert not may_call("tasks.example", "10.2.0.1")
    assert not may_call("tasks.example", "::ffff:10.1.2.3")


def test_a_name_can_be_allowed_wherever_it_leads(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["Tasks.Internal"]

    assert may_call("tasks.internal", "10.1.2.3")
    assert may_call("TASKS.internal.", "127.0.0.1")
    assert not may_call("other.internal", "10.1.2.3")
    assert not may_call("x.tasks.internal", "10.1.2.3")

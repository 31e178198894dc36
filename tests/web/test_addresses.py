import threading

import pytest

from transforms._shared.rejects import RejectError
from transforms._shared.web.addresses import is_public, resolve_within


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "64:ff9b::10.0.0.1",
        "2001:db8::1",
        "localhost",
        "",
    ],
)
def test_addresses_inside_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)
def test_addresses_on_the_internet_are_public(address):
    assert is_public(address)


def test_a_name_that_cannot_be_resolved_is_an_unknown_host():
    def fail(host, port):
        raise OSError("Name or service not known")

    with pytest.raises(RejectError, match=r"nowhere\.example.*not known") as caught:
        resolve_within(fail, "nowhere.example", 80, 5)
    assert (caught.value.reason, caught.value.replayable) == ("unknown_host", True)


def test_a_name_without_addresses_is_an_unknown_host():
    with pytest.raises(RejectError) as caught:
        resolve_within(lambda host, port: [], "nowhere.example", 80, 5)
    assert caught.value.reason == "unknown_host"


def test_a_resolver_that_hangs_meets_the_deadline():
    release = threading.Event()

    def hang(host, port):
        release.wait()
        return ["8.8.8.8"]

    try:
        with pytest.raises(RejectError) as caught:
            resolve_within(hang, "slow.example", 80, 0.01)
    finally:
        release.set()
    assert caught.value.reason == "deadline"

"""Which network addresses a URL from outside may lead to."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

from transforms._shared.rejects import RejectError

Resolver = Callable[[str, int], Sequence[str]]  # host, port -> IP addresses, best first

_IPv6 = ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_NOT_PUBLIC = (  # that Python calls global: site-local, documentation
    _LOCAL_NAT64, ipaddress.IPv6Network("fec0::/10"), ipaddress.IPv6Network("3fff::/20"),
)  # fmt: skip
_METADATA = frozenset(  # of clouds, where it is not link-local: EC2 over IPv6, Alibaba
    map(
        ipaddress.ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)


def resolve_host(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of ``host``, each once, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def is_public(address: str) -> bool:
    """Say whether ``address`` is a host on the public internet.

    Loopback, private, link-local (with the metadata services of clouds), carrier-grade NAT,
    multicast, reserved and unspecified addresses are not; nor is an IPv6 address that carries
    such an IPv4 address inside.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, _IPv6):
        inner = _inner_ipv4(parsed)
        if inner is not None and not is_public(str(inner)):
            return False
        if parsed.ipv4_mapped is not None or parsed in _NAT64:
            return True  # Python versions disagree whether these are global
    special = parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified
    if parsed in _METADATA or any(parsed in network for network in _NOT_PUBLIC):
        return False
    return parsed.is_global and not special


def is_private(address: str) -> bool:
    """Say whether ``address`` is anything but a host on the public internet."""
    return not is_public(address)


def is_link_local(address: str) -> bool:
    """Say whether ``address`` is good on one network link only, as the metadata of clouds is.

    What is no address at all, or means no single host, counts too.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return True
    if isinstance(parsed, _IPv6) and (inner := _inner_ipv4(parsed)) is not None:
        return is_link_local(str(inner))
    if parsed in _METADATA or parsed in _LOCAL_NAT64:
        return True
    return parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified


def _inner_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def resolve_within(resolver: Resolver, host: str, port: int, seconds: float) -> list[str]:
    """Resolve ``host``, waiting at most ``seconds``: the system's resolver has no time-out.

    Raises:
        RejectError: ``unknown_host`` when the name has no address, ``deadline``.
    """
    found: list[str] = []
    failures: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(resolver(host, port))
        except (OSError, ValueError) as error:
            failures.append(error)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if thread.is_alive():
        raise RejectError("deadline", f"the name {host} was not resolved in time", replayable=True)
    if failures or not found:
        why = str(failures[0]) if failures else "it has no address"
        raise RejectError(
            "unknown_host", f"the name {host} cannot be resolved: {why}", replayable=True
        )
    return list(found)

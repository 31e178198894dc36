"""Sign what is sent, by the Standard Webhooks scheme, so that receivers know who sent it."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64


class SecretError(ValueError):
    """A secret that cannot be used; the message does not hold it."""


def parse_secret(written: str) -> bytes:
    """Read a secret: base64 of 24 to 64 random bytes, ``whsec_`` may stand before it.

    Raises:
        SecretError: it is none.
    """
    try:
        key = base64.b64decode(written.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretError("it is no base64; make one with: openssl rand -base64 32") from error
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise SecretError(
            f"it stands for {len(key)} bytes, and {_LEAST_BYTES} to {_MOST_BYTES} are needed; "
            "make one with: openssl rand -base64 32"
        )
    return key


def signature_headers(
    keys: Iterable[bytes], name: str, timestamp: int, body: bytes
) -> list[tuple[str, str]]:
    """Give the three headers of Standard Webhooks.

    Args:
        keys: each signs, so that a receiver may know any of them; without one nothing is signed.
        name: of the message; receivers tell repeats by it.
        timestamp: of this attempt, seconds since 1970.
    """
    signed = b".".join((name.encode(), str(timestamp).encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    ]
    headers = [("webhook-id", name), ("webhook-timestamp", str(timestamp))]
    return headers + ([("webhook-signature", " ".join(signatures))] if signatures else [])

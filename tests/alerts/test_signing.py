"""Signatures by Standard Webhooks, as a receiver checks them."""

import base64
import hashlib
import hmac

import pytest

from pipelines.alerts.signing import SecretError, parse_secret, signature_headers

OLD, NEW = b"o" * 32, b"n" * 32


def test_the_signature_is_that_of_the_scheme():
    # The example that the specification gives for its libraries.
    key = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = dict(signature_headers((key,), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body))
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_changed_either_one_verifies():
    headers = dict(signature_headers((NEW, OLD), "k1", 1700000000, b"{}"))
    given = headers["webhook-signature"].split(" ")
    for key in (NEW, OLD):
        digest = hmac.new(key, b"k1.1700000000.{}", hashlib.sha256).digest()
        assert "v1," + base64.b64encode(digest).decode() in given


def test_without_a_secret_nothing_is_signed():
    assert dict(signature_headers((), "k1", 1, b"{}")) == {
        "webhook-id": "k1", "webhook-timestamp": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "written", ["", "whsec_", "not!base64", "größe", base64.b64encode(b"x" * 65).decode()]
)
def test_a_secret_that_is_none_is_refused_without_being_shown(written):
    with pytest.raises(SecretError) as caught:
        parse_secret(written)
    assert not written or written not in str(caught.value)

"""Keep credentials out of keys, messages and tables."""

import re
from urllib.parse import unquote_plus

_REDACTED = "REDACTED"
_SECRET_NAMES = frozenset(
    "auth authorization credential credentials jsessionid jwt key pass passwd phpsessid pwd "
    "session sessionid sid sig signature".split()
)
_SECRET_ENDINGS = (
    "accesskey", "accesskeyid", "apikey", "appkey", "authkey", "credential", "feedkey",
    "licensekey", "password", "privatekey", "rsskey", "secret", "secretkey", "signature",
    "subscriptionkey", "token", "userkey",
)  # fmt: skip
_NOT_A_NAME = re.compile(r"[^a-z0-9]")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)?(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)


def redact_url(url: str) -> str:
    """Take the credentials out of ``url`` and leave everything else byte for byte.

    User name and password go; the value of every parameter whose name looks secret (token, key,
    api_key, password, signature, session, ...) becomes ``REDACTED``, in the query, in the path's
    ``;name=value`` and in a fragment of the same form. Never raises, also for a broken URL.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return url
    authority, query, fragment = match["authority"], match["query"], match["fragment"]
    pieces = [match["scheme"] or ""]
    if authority is not None:
        pieces.append("//" + authority.rpartition("@")[2])
    path, *path_parameters = match["path"].split(";")
    pieces.append(";".join([path, *map(_redact_path_parameter, path_parameters)]))
    if query is not None:
        pieces.append("?" + _redact_parameters(query))
    if fragment is not None:
        pieces.append("#" + _redact_parameters(fragment))
    return "".join(pieces)


def _redact_parameters(text: str) -> str:
    return "".join(
        part if part in "&;" else _redact_parameter(part) for part in re.split("([&;])", text)
    )


def _redact_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    return f"{name}={_REDACTED}" if equals and value and _is_secret(name) else parameter


def _redact_path_parameter(parameter: str) -> str:
    # The next path segment may follow the value.
    value, slash, rest = parameter.partition("/")
    return _redact_parameter(value) + slash + rest


def _is_secret(name: str) -> bool:
    plain = _NOT_A_NAME.sub("", unquote_plus(name).lower())
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)

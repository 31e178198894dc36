"""Secrets that settings name by variables of the environment: put in, and kept out of messages."""

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from json import dumps
from urllib.parse import quote

REDACTED = "REDACTED"
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")
_LEAST_CHARS = 4  # of a value that is taken out of messages


def filled_in(text: str, variables: Mapping[str, str], found: list[str], whose: str) -> str:
    """Put the values of variables in the place of each ``${NAME}``, and add them to ``found``.

    Args:
        whose: who needs them, for the message.

    Raises:
        ValueError: one is not set. The message names no value.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not variables.get(name):
            raise ValueError(f"the environment variable {name} is not set, and {whose} needs it")
        found.append(variables[name])
        return variables[name]

    return VARIABLE.sub(value, text)


def worth_hiding(secrets: Iterable[str]) -> tuple[str, ...]:
    """Choose the values long enough to be told from words, longest first, each once."""
    kept = {secret for secret in secrets if len(secret) >= _LEAST_CHARS}
    return tuple(sorted(kept, key=lambda secret: (-len(secret), secret)))


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Take the values of secrets out of ``text``, however they are written there."""
    for written in spellings(secrets):
        # Hosts come back in small letters.
        text = re.sub(re.escape(written), REDACTED, text, flags=re.IGNORECASE)
    return text


def spellings(secrets: Iterable[str]) -> Iterator[str]:
    """Give each secret as it is, as part of a URL, of markup and of JSON."""
    for secret in secrets:
        yield from dict.fromkeys(
            (secret, quote(secret, safe=""), quote(secret), escape(secret), dumps(secret)[1:-1])
        )


def header(name: str, written: str, resolved: str) -> tuple[str, str]:
    """Check the value of a header.

    Args:
        written: as it stands in the settings.
        resolved: with the values of variables.

    Raises:
        ValueError: no header may hold it, or a secret is written out. The message names no value.
    """
    if name.lower() in SECRET_HEADERS and written == resolved:
        raise ValueError(f"the value of {name} is a secret: put it into a variable of the "
                         "environment and write ${NAME} here")  # fmt: skip
    if any(ord(character) < 32 or ord(character) == 127 for character in resolved):
        raise ValueError(f"the value of the header {name} holds characters no header may hold")
    return name, resolved.strip()

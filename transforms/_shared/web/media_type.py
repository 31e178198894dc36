"""Read the charset out of a Content-Type header."""

import re

_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9][\w.:+\-]{0,39})""", re.IGNORECASE)


def charset_of(content_type: str) -> str:
    """Name the charset a Content-Type header claims, in lower case; "" when it claims none."""
    match = _CHARSET.search(content_type)
    return match[1].lower() if match else ""

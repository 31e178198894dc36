"""JSON from strangers: loading it, and reading values whose type nobody guarantees."""

import json
from collections.abc import Iterable
from typing import Any

from transforms._shared.charset import decode, storable
from transforms._shared.rejects import RejectError
from transforms.parse.markup import plain_line

MAX_NAMES = 50
_NAME_KEYS = ("name", "title", "fullname", "displayname", "@value", "value")


def load_json(content: bytes, declared: str) -> Any:
    """Load a JSON document.

    Raises:
        RejectError: ``invalid_json``, also for nesting or numbers beyond Python's limits.
    """
    text = decode(content, declared)
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RejectError("invalid_json", f"not JSON: {error.msg} at {place}") from error
    except RecursionError as error:
        raise RejectError("invalid_json", "not JSON we can read: nested too deeply") from error
    except ValueError as error:
        raise RejectError("invalid_json", f"not JSON we can read: {error}") from error


def text_of(value: Any) -> str:
    """Take a string as it is, a number as digits, paragraphs in a list joined; else ""."""
    if isinstance(value, str):
        return storable(value).strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else ""
    if isinstance(value, list):
        parts = [storable(part).strip() for part in value if isinstance(part, str)]
        return "\n\n".join(part for part in parts if part)
    if isinstance(value, dict):
        inner = next((value[key] for key in ("@value", "value", "text") if key in value), "")
        return "" if isinstance(inner, dict) else text_of(inner)  # for they nest without end
    return ""


def name_of(value: Any) -> str:
    """Read a name given as a string, or as an object with a name or title."""
    if isinstance(value, dict):
        lowered = {key.lower(): inner for key, inner in value.items()}
        value = next(
            (lowered[key] for key in _NAME_KEYS if isinstance(lowered.get(key), str)), None
        )
    return plain_line(storable(value)) if isinstance(value, str) else ""


def names_of(value: Any) -> tuple[str, ...]:
    """Read one name or a list of them, each a string or an object, without repeats."""
    values = value if isinstance(value, list) else [value]
    names = [name_of(each) for each in values[:MAX_NAMES]]
    return tuple(dict.fromkeys(name for name in names if name))


def address_of(value: Any) -> str:
    """Read a link given as a string, an object (url, @id, href, src) or a list of these."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            each = next(
                (
                    each[key]
                    for key in ("url", "@id", "href", "src")
                    if isinstance(each.get(key), str)
                ),
                None,
            )
        if isinstance(each, str) and each.strip():
            return storable(each).strip()
    return ""


def first(values: Iterable[Any]) -> Any:
    """Take the first value that says anything; None when none does."""
    return next((value for value in values if value not in (None, "", [], {})), None)

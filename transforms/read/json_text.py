"""Tell JSON, JSON Lines and JSON Feed apart, and from prose that begins with a brace."""

import json
import re
from typing import Any

_STRING = r'"(?:[^"\\]|\\.){0,1000}'
_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?"
# A quoted word in braces is prose: {"so-called"} experts.
_OBJECT_BEGINS = re.compile(rf'\s*\{{\s*(?:"(?!{_STRING[1:]}"\s*\}})|\}}\s*\Z)')
# So are a footnote, [1] or [1, 2], a link, [[Harbour]], and a quoted word in brackets.
_ARRAY_BEGINS = re.compile(
    rf"\s*(?:\[\s*)+(?:{_NUMBER}\s*,\s*)*"
    rf'(?:\Z|\{{\s*(?:["}}]|\Z)|{_STRING}(?:\Z|"\s*(?:,|\Z))|'
    rf'"(?:[^"\\]|\\.){{1000}}|{_NUMBER}\s*\Z|'
    rf"(?:{_NUMBER}\s*)?\]\s*(?:[,\]]|\Z))"
)
_JSON_FEED = re.compile(r'"version"\s*:\s*"https?:\\?/\\?/(?:www\.)?jsonfeed\.org\\?/version')
_SAMPLED_LINES = 20


def recognise_json(text: str, complete: bool) -> str:
    """Name the JSON in ``text``.

    Args:
        text: the decoded beginning of the content.
        complete: ``text`` is the whole content.

    Returns:
        jsonl: the first line is a JSON object and a later one begins like one, or at least half
        of the first lines are an object each, so a broken line costs that line only. json: one
        value, or clearly meant as one although it is broken. json_feed: a JSON object that says
        so. Else "".
    """
    first = text.lstrip()[:1]
    if first not in ("{", "[") and "\n{" not in text:
        return ""
    if _is_json_lines(text, complete):
        return "jsonl"
    if first == "[":
        meant = bool(_ARRAY_BEGINS.match(text))
        return "json" if meant or (complete and parse_json(text) is not None) else ""
    if first == "{" and _OBJECT_BEGINS.match(text):
        return "json_feed" if _is_json_feed(text, complete) else "json"
    return ""


def parse_json(text: str | bytes) -> Any:
    """Read one JSON value; None for anything broken (and for ``null``)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_json_lines(text: str, complete: bool) -> bool:
    lines = _first_lines(text, complete)
    objects = [line.startswith("{") and isinstance(parse_json(line), dict) for line in lines]
    if len(lines) < 2:
        return objects == [True] and not complete
    if objects[0]:
        return "\n{" in text.lstrip() or sum(objects) * 2 >= len(lines)
    # A pretty-printed value may hold lines that are objects themselves.
    enough = sum(objects) * 2 >= len(lines) and (sum(objects) > 1 or lines[0].startswith("{"))
    return enough and not (complete and parse_json(text) is not None)


def _first_lines(text: str, complete: bool) -> list[str]:
    """List the first lines that are not blank; a line cut off by the end of ``text`` is left out.

    White space before a line stays, because JSON Lines are not indented.
    """
    lines: list[str] = []
    position = 0
    while position < len(text) and len(lines) < _SAMPLED_LINES:
        end = text.find("\n", position)
        if end < 0 and not complete:
            break
        end = len(text) if end < 0 else end
        line = text[position:end]
        if line.strip():
            lines.append(line.rstrip())
        position = end + 1
    return lines


def _is_json_feed(text: str, complete: bool) -> bool:
    if not _JSON_FEED.search(text):
        return False
    value = parse_json(text) if complete else None
    if not isinstance(value, dict):
        return True  # cut off or broken, but it says what it is
    return "jsonfeed.org/version" in str(value.get("version"))

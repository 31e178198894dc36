"""Rows as CSV, Parquet and RSS."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any
from xml.etree import ElementTree

from pipelines.report.wording import clean_line

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
_ATOM = "http://www.w3.org/2005/Atom"


def to_csv(table: Any) -> bytes:
    """Write an Arrow table as CSV (RFC 4180, UTF-8) that is harmless in a spreadsheet."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([cell(value) for value in row.values()])
    return out.getvalue().encode("utf-8", "replace")


def cell(value: Any) -> str:
    """Write one value; text that a spreadsheet would take for a formula gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        texts = all(isinstance(one, str) for one in value)
        value = "; ".join(value) if texts else json.dumps(value, ensure_ascii=False, default=str)
    elif not isinstance(value, str):
        return str(value)
    text = value.replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(_RISKY) else text


def to_parquet(table: Any) -> bytes:
    """Write an Arrow table as a Parquet file."""
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def to_rss(
    events: Iterable[dict[str, Any]], title: str, base_url: str, path: str, built: datetime | None
) -> bytes:
    """Write events as RSS 2.0, one item for each.

    An item keeps its guid when the event is revised or merged: its alert's id, if it has one.

    Args:
        base_url: of this server, without a slash at the end.
        path: of this feed, with its query.
        built: the newest time in the events, so that the same state gives the same bytes.
    """
    ElementTree.register_namespace("atom", _ATOM)
    rss = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(rss, "channel")
    _add(channel, "title", title)
    _add(channel, "link", f"{base_url}/")
    _add(channel, "description", "Events found by newsevents, with the reasons on their pages.")
    link = {"href": f"{base_url}{path}", "rel": "self", "type": "application/rss+xml"}
    ElementTree.SubElement(channel, f"{{{_ATOM}}}link", link)
    if built is not None:
        _add(channel, "lastBuildDate", rss_time(built))
    for event in events:
        item = ElementTree.SubElement(channel, "item")
        _add(item, "title", clean_line(event["title"] or "(no title)", 300))
        _add(item, "link", f"{base_url}/events/{event['event_id']}")
        guid = ElementTree.SubElement(item, "guid", isPermaLink="false")
        guid.text = clean_line(event.get("alert_id") or event["event_id"], 64)
        at = event["breaking_since"] or event["first_seen_at"]
        if at is not None:
            _add(item, "pubDate", rss_time(at))
        if event["summary"]:
            _add(item, "description", _as_text(event["summary"]))
        for keyword in (event["keywords"] or [])[:6]:
            if keyword and keyword.get("term"):
                _add(item, "category", clean_line(keyword["term"], 60))
    ElementTree.indent(rss)
    text: bytes = ElementTree.tostring(rss, encoding="utf-8", xml_declaration=True)
    return text


def rss_time(at: datetime) -> str:
    """Write a time as RSS wants it (RFC 822)."""
    return format_datetime(at.astimezone(timezone.utc), usegmt=True)


def _as_text(summary: str) -> str:
    """Readers take a description for HTML, so that text has to be escaped once more."""
    line = clean_line(summary, 1000)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _add(parent: Any, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text

"""Entries as ``parse`` makes them."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from schemas import Entry

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)

_ENTRY = Entry(
    key="https://news.example/feed#1",
    input_kind="rss",
    url="https://www.news.example/bridge?utm_source=rss",
    guid="1",
    feed_url="https://news.example/feed",
    source_name="The Example",
    source_url="",
    origin_publisher="",
    title="Old bridge closed",
    summary="The old bridge over the mill stream is closed since noon.",
    content="",
    content_type="html",
    authors=(),
    image_url="",
    language="",
    published="",
    published_source="",
    received_at=NOON,
)


@pytest.fixture
def make_entry():
    """``make_entry(**changes)``: an item of a feed with some fields changed."""
    return lambda **changes: replace(_ENTRY, **changes)


@pytest.fixture
def make_file(make_entry):
    """``make_file(name, text, **changes)``: a dropped text file."""

    def make(name, text, **changes):
        uri = f"file:///in/{name}"
        fields = {
            "key": uri, "input_kind": "txt", "url": uri, "guid": "", "feed_url": "",
            "source_name": "", "title": "", "summary": "", "content": text, "content_type": "text",
        }  # fmt: skip
        return make_entry(**fields | changes)

    return make

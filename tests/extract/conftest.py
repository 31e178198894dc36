from datetime import datetime, timezone

import pytest

from schemas import Entry, Identified

RECEIVED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def make_identified():
    """Build an identified entry; every field of the entry can be set by name."""

    def make(**changes):
        fields = {
            "key": "feed#1",
            "input_kind": "rss",
            "url": "https://town.example/story",
            "guid": "",
            "feed_url": "",
            "source_name": "",
            "source_url": "",
            "origin_publisher": "",
            "title": "",
            "summary": "",
            "content": "",
            "content_type": "html",
            "authors": (),
            "image_url": "",
            "language": "",
            "published": "",
            "published_source": "",
            "received_at": RECEIVED_AT,
        }
        entry = Entry(**(fields | changes))
        return Identified(entry, "article-1", entry.url, 1)

    return make

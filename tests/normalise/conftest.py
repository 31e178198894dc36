from datetime import datetime, timezone

import pytest

from schemas import Entry, Extraction, Identified
from transforms.normalise.language import Language

RECEIVED_AT = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)


class FixedLanguage:
    """Says the same language of every text."""

    def detect(self, title, body, declared=""):
        return Language("en", 0.97)


@pytest.fixture
def english():
    return FixedLanguage()


@pytest.fixture
def make_extraction():
    """Build an extraction; every field of it and of its entry can be set by name."""

    def make(canonical_url="https://town.example/story", **changes):
        entry = {
            "key": "feed#1",
            "input_kind": "rss",
            "url": "https://www.town.example/story?utm_source=rss",
            "guid": "",
            "feed_url": "https://town.example/feed",
            "source_name": "Town Post",
            "source_url": "",
            "origin_publisher": "",
            "title": "",
            "summary": "",
            "content": "",
            "content_type": "html",
            "received_at": RECEIVED_AT,
        }
        extraction = {
            "title": "Bridge closes",
            "description": "",
            "body": "The council voted on Monday.",
            "quoted": "",
            "authors": (),
            "image_url": "",
            "site_name": "",
            "canonical_link": "",
            "language": "en",
            "published": "",
            "published_source": "",
            "method": "feed_content",
            "access_state": "feed_only",
        }
        for name, value in changes.items():
            (extraction if name in extraction else entry)[name] = value
        declared = {"authors": (), "image_url": "", "language": "", "published": "",
                    "published_source": ""}  # fmt: skip
        identified = Identified(Entry(**entry, **declared), "article-1", canonical_url, 1)
        return Extraction(identified=identified, **extraction)

    return make

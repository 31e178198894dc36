from datetime import datetime, timezone

import pytest

from schemas import Document

RECEIVED_AT = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


@pytest.fixture
def make_document():
    """Build a document; ``content`` may be text."""

    def make(content, kind="text", **changes):
        if isinstance(content, str):
            content = content.encode()
        fields = {
            "key": "file:///in/item",
            "url": "file:///in/item",
            "kind": kind,
            "input_kind": {"text": "txt", "email": "eml"}.get(kind, kind),
            "content": content,
            "charset": "",
            "received_at": RECEIVED_AT,
        }
        return Document(**{**fields, **changes})

    return make


@pytest.fixture
def rss():
    """Wrap items into an RSS feed."""

    def wrap(items, title="Feed"):
        return f'<rss version="2.0"><channel><title>{title}</title>{items}</channel></rss>'

    return wrap

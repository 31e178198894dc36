"""Real feeds and pages, where they are at hand: nothing crashes, nothing vanishes."""

import gzip
from pathlib import Path

import pytest

from transforms._shared.rejects import RejectError
from transforms.parse.document import parse_document

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
FEEDS = sorted(path for path in SAMPLES.glob("feeds/**/*") if path.is_file())
PAGES = sorted(SAMPLES.glob("pages/**/*.html.gz"))[:25]

needs_samples = pytest.mark.skipif(not FEEDS, reason="the samples are not beside the repository")


@needs_samples
def test_every_sample_feed_gives_entries_or_a_reason(make_document):
    outcomes = {"entries": 0, "refused": 0}
    for path in FEEDS:
        kind = "json_feed" if path.suffix == ".json" else "feed"
        try:
            found = parse_document(make_document(path.read_bytes(), kind), 5000)
        except RejectError as error:
            assert error.reason in (
                "empty_feed", "truncated_feed", "malformed_feed", "not_a_feed", "undecodable",
            ), path.name  # fmt: skip
            outcomes["refused"] += 1
        else:
            assert found.entries, path.name
            outcomes["entries"] += len(found.entries)
    assert outcomes["entries"] > 600


@needs_samples
def test_every_sample_page_is_handed_on(make_document):
    titles = 0
    for path in PAGES:
        content = gzip.decompress(path.read_bytes())
        (entry,) = parse_document(make_document(content, "html"), 5000).entries
        assert len(entry.content) > 1000, path.name
        assert "�" not in entry.title, path.name
        titles += bool(entry.title)
    assert titles >= 0.9 * len(PAGES)

"""Score and time page extraction against ground truth.

    python -m benchmarks.extraction --pages DIR

DIR holds ``html/<id>.html.gz`` and ``ground-truth.json`` ({id: {"articleBody": ..., "url": ...}}).
"""

import argparse
import gzip
import json
import re
import sys
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from schemas import Entry, Extraction, Identified
from transforms._shared.rejects import RejectError
from transforms.extract.extraction import extract_article
from transforms.extract.page import quiet_libraries

_WORD = re.compile(r"\w+")
_RECEIVED_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)  # after every page of any known set


class Score(NamedTuple):
    precision: float
    recall: float
    f1: float


def score_text(found: str, truth: str) -> Score:
    """Compare two texts as multisets of words; two empty texts agree."""
    ours, theirs = Counter(_WORD.findall(found)), Counter(_WORD.findall(truth))
    shared = sum((ours & theirs).values())
    if not ours or not theirs:
        same = float(not ours and not theirs)
        return Score(same, same, same)
    precision, recall = shared / ours.total(), shared / theirs.total()
    return Score(precision, recall, 2 * precision * recall / (precision + recall) if shared else 0)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Score and time page extraction.")
    parser.add_argument("--pages", required=True, type=Path, help="folder with the pages")
    pages: Path = parser.parse_args(argv).pages
    truth_file = pages / "ground-truth.json"
    if not truth_file.is_file():
        print(f"{truth_file}: no such file; name a folder with pages by --pages", file=sys.stderr)
        return 2
    truths = json.loads(truth_file.read_text("utf-8"))
    entries = [_entry(key, truth["url"], pages) for key, truth in sorted(truths.items())]
    quiet_libraries()
    started = time.perf_counter()
    found = {entry.key: _extract(entry) for entry in entries}
    seconds = time.perf_counter() - started
    _report(found, {key: truth["articleBody"] for key, truth in truths.items()}, seconds)
    return 0


def _entry(key: str, url: str, pages: Path) -> Entry:
    html = gzip.decompress((pages / "html" / f"{key}.html.gz").read_bytes())
    return Entry(
        key=key,
        input_kind="html",
        url=url,
        guid="",
        feed_url="",
        source_name="",
        source_url="",
        origin_publisher="",
        title="",
        summary="",
        content=html.decode("utf-8", "replace"),
        content_type="page",
        authors=(),
        image_url="",
        language="",
        published="",
        published_source="",
        received_at=_RECEIVED_AT,
    )


def _extract(entry: Entry) -> Extraction | None:
    try:
        return extract_article(Identified(entry, entry.key, entry.url, 1))
    except RejectError:
        return None


def _report(found: dict[str, Extraction | None], truths: dict[str, str], seconds: float) -> None:
    scores = [
        score_text(extraction.body if extraction else "", truths[key])
        for key, extraction in found.items()
    ]
    methods = Counter(extraction.method if extraction else "none" for extraction in found.values())
    print(f"files      {len(found)}")
    for method, files in methods.most_common():
        print(f"method     {method} {files}")
    for name, values in zip(Score._fields, zip(*scores)):
        print(f"{name:<10} {sum(values) / max(1, len(values)):.4f}")
    print(f"speed      {len(found) / seconds:.1f} pages per second")


if __name__ == "__main__":
    sys.exit(main())

"""Score and time the search for copies on planted copies and look-alikes, beside other libraries.

    python -m benchmarks.near_duplicates --stream FILE [--peers PYTHON] [--json OUT]

FILE is JSON Lines, also gzipped, with ``id``, ``title`` and ``text`` of real stories in English.
Copies and look-alikes are planted in two parts of disjoint stories and templates: thresholds are
chosen on the tuning part, the reported part was never looked at for them.

The peers (semhash, datasketch, text-dedup) have an environment of their own, because text-dedup
asks for libraries that ours excludes:

    python -m venv peers && peers/bin/pip install --no-deps -r benchmarks/near_duplicates_peers.txt
    python -m benchmarks.near_duplicates --stream FILE --peers peers/bin/python

All methods get the same documents in the same order and the same vectors, and all say for each
document which earlier one it is a copy of, if any. What is counted:

* pairs: documents tied by such links, directly or through others, are one cluster; every two
  documents of a cluster are a predicted pair, every two of a planted group a true one.
* recall of a kind: the share of the copies of that kind that stand in the cluster of the text they
  were made from.
* false by kind: documents linked to a text of another group, by what the document is.

Docs per second leave out the encoding of vectors for every method and are of one thread.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.near_duplicates_set import COPIES, PARTS, Document, Part, build
from schemas import Article, EmbeddedArticle
from transforms.dedupe.duplicate_index import DuplicateIndex
from transforms.embed.encoder import load_encoder
from transforms.embed.lead import lead_text
from transforms.embed.model import DEFAULT_MODEL
from transforms.normalise.text import content_hash

_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_SPAN = timedelta(days=6)  # all documents of a part, so that none leaves the window
_NO_VECTOR = np.zeros(1, np.float32)
_PEERS = Path(__file__).with_name("near_duplicates_peers.py")

Vectors = NDArray[np.float32]
Links = dict[int, int]  # number of a document → number of the earlier one it is a copy of


class Outcome(NamedTuple):
    """What one method said about a part, and how long it took."""

    method: str
    seconds: float
    links: Links


class Score(NamedTuple):
    """How right the links of a method are."""

    precision: float  # of pairs
    recall: float  # of pairs
    link_precision: float
    link_recall: float
    recall_by_kind: dict[str, float]
    false_by_kind: dict[str, int]


def score_links(documents: Sequence[Document], links: Links) -> Score:
    """Compare the links of a method with the planted groups."""
    clusters = _clusters(len(documents), links)
    truth = Counter(document.group for document in documents)
    predicted = Counter(clusters)
    both = Counter(zip(clusters, (document.group for document in documents)))
    right = sum(map(_pairs, both.values()))
    number = {document.id: at for at, document in enumerate(documents)}
    found: dict[str, list[bool]] = defaultdict(list)
    for at, document in enumerate(documents):
        if document.kind in COPIES:
            found[document.kind].append(clusters[at] == clusters[number[document.like]])
    false = Counter(
        documents[new].kind
        for new, old in links.items()
        if documents[new].group != documents[old].group
    )
    copies = sum(map(len, found.values()))
    return Score(
        precision=right / max(1, sum(map(_pairs, predicted.values()))),
        recall=right / max(1, sum(map(_pairs, truth.values()))),
        link_precision=1 - false.total() / max(1, len(links)),
        link_recall=sum(
            document.kind in COPIES and documents[links[at]].group == document.group
            for at, document in enumerate(documents)
            if at in links
        )
        / max(1, copies),
        recall_by_kind={kind: sum(found[kind]) / max(1, len(found[kind])) for kind in COPIES},
        false_by_kind=dict(sorted(false.items())),
    )


def _pairs(size: int) -> int:
    return size * (size - 1) // 2


def _clusters(size: int, links: Links) -> list[int]:
    """Name the cluster of every document by its first document."""
    first = list(range(size))

    def root(at: int) -> int:
        while first[at] != at:
            first[at] = first[first[at]]
            at = first[at]
        return at

    for new, old in links.items():
        a, b = sorted((root(new), root(old)))
        first[b] = a
    return [root(at) for at in range(size)]


def find_copies(
    method: str, articles: Iterable[EmbeddedArticle], dim: int
) -> tuple[Outcome, list[str]]:
    """Run our own index; also give the evidence it left for every document."""
    index = DuplicateIndex(dim)
    number: dict[str, int] = {}
    links: Links = {}
    evidence = []
    fed = list(articles)
    started = time.perf_counter()
    for at, embedded in enumerate(fed):
        number[embedded.article.article_id] = at
        verdict = index.assign(embedded).verdict
        evidence.append(f"{verdict.kind} {verdict.evidence}")
        if verdict.kind != "none":
            links[at] = number[verdict.of]
    return Outcome(method, time.perf_counter() - started, links), evidence


def article(document: Document, at: datetime) -> Article:
    """Make the article that the earlier stages would have made of a document."""
    return Article(
        key=document.id,
        article_id=document.id,
        revision=1,
        url="",
        canonical_url="",
        source_name="",
        domain="",
        publisher_family="unknown",
        origin_publisher="",
        feed_url="",
        input_kind="json",
        title=document.title,
        description="",
        body=document.text,
        quoted="",
        authors=(),
        image_url="",
        language="en",
        language_confidence=1.0,
        word_count=len(document.text.split()),
        published_at=at,
        published_at_source="json",
        published_at_precision="second",
        published_at_flag="ok",
        first_seen_at=at,
        event_time=at,
        time_known=True,
        extraction_method="json_text",
        access_state="open",
        content_hash=content_hash(document.title, document.text),
    )


def articles_of(part: Part) -> list[Article]:
    """Give the documents of a part as articles, one after the other within six days."""
    step = _SPAN / max(1, len(part.documents))
    return [article(document, _START + step * at) for at, document in enumerate(part.documents)]


def encode(articles: Sequence[Article], cache: Path | None) -> Vectors:
    """Encode title and lead with the shipped model, or read what an earlier run encoded."""
    leads = [lead_text(item) for item in articles]
    digest = hashlib.sha256("\0".join([DEFAULT_MODEL, *leads]).encode()).hexdigest()[:16]
    stored = cache / f"vectors-{digest}.npy" if cache else None
    if stored and stored.is_file():
        return np.asarray(np.load(stored), np.float32)
    print(f"encoding {len(leads)} documents, once", file=sys.stderr)
    vectors = load_encoder(DEFAULT_MODEL).encode(leads)
    if stored:
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.save(stored, vectors)
    return vectors


def run_peers(python: str, part: Part, vectors: Vectors) -> list[Outcome]:
    """Run the peers in their environment on the same documents and vectors."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "documents.json", Path(folder) / "links.json"
        given.write_text(json.dumps([f"{d.title}\n\n{d.text}" for d in part.documents]), "utf-8")
        np.save(Path(folder) / "vectors.npy", vectors)
        command = [python, str(_PEERS), str(given), str(Path(folder) / "vectors.npy"), str(answer)]
        subprocess.run(command, check=True)
        said = json.loads(answer.read_text("utf-8"))
    return [Outcome(row["method"], row["seconds"], dict(row["links"])) for row in said]


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    if not options.stream.is_file():
        print(f"{options.stream}: no such file; name a stream by --stream", file=sys.stderr)
        return 2
    parts = build(options.stream, options.documents, options.seed)
    result = {part.name: _run_part(part, options) for part in parts if part.name in options.parts}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Score and time the search for copies on planted copies and look-alikes."
    )
    parser.add_argument("--stream", required=True, type=Path, help="JSON Lines of real stories")
    parser.add_argument("--documents", type=int, default=5000, help="stories read (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peers", metavar="PYTHON", help="python of the peers' environment")
    parser.add_argument("--no_vectors", action="store_true", help="do not encode: words alone")
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors for the next run")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="list N errors")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    return parser.parse_args(argv)


def _run_part(part: Part, options: argparse.Namespace) -> dict[str, Any]:
    articles = articles_of(part)
    blank = _NO_VECTOR.tobytes()
    alone, evidence = find_copies(
        "newsevents, words alone", [EmbeddedArticle(a, blank, "none") for a in articles], 1
    )
    outcomes = [alone]
    if not options.no_vectors:
        vectors = encode(articles, options.cache)
        embedded = [EmbeddedArticle(a, v.tobytes(), "m") for a, v in zip(articles, vectors)]
        ours, evidence = find_copies("newsevents", embedded, vectors.shape[1])
        outcomes = [ours, alone]
        if options.peers:
            outcomes += run_peers(options.peers, part, vectors)
    scores = [score_links(part.documents, outcome.links) for outcome in outcomes]
    _print(part, outcomes, scores)
    _show(part, outcomes[0].links, evidence, options.show)
    return {
        "documents": len(part.documents),
        "kinds": dict(Counter(document.kind for document in part.documents)),
        "set_aside": part.set_aside,
        "methods": [
            {"method": o.method, "docs_per_second": len(part.documents) / o.seconds, **s._asdict()}
            for o, s in zip(outcomes, scores)
        ],
    }


def _print(part: Part, outcomes: list[Outcome], scores: list[Score]) -> None:
    kinds = Counter(document.kind for document in part.documents)
    print(f"\n{part.name}: {len(part.documents)} documents; {_listed(kinds)}; "
          f"{len(part.set_aside)} real copies set aside")  # fmt: skip
    print(f"{'method':<28}{'docs/s':>8}{'pair P':>8}{'pair R':>8}{'link P':>8}{'link R':>8}  "
          + "".join(f"{kind:>10}" for kind in COPIES) + "  false by kind")  # fmt: skip
    for outcome, score in zip(outcomes, scores):
        values = "".join(f"{value:>8.4f}" for value in score[:4])
        recalls = "".join(f"{score.recall_by_kind[kind]:>10.3f}" for kind in COPIES)
        speed = len(part.documents) / outcome.seconds
        print(f"{outcome.method:<28}{speed:>8.0f}{values}  {recalls}  "
              f"{_listed(score.false_by_kind)}")  # fmt: skip


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.items()) or "none"


def _show(part: Part, links: Links, evidence: list[str], most: int) -> None:
    shown = 0
    for at, document in enumerate(part.documents):
        old = part.documents[links[at]] if at in links else None
        wrong = old is not None and old.group != document.group
        if shown < most and (wrong or (old is None and document.kind in COPIES)):
            shown += 1
            what = f"linked to {old.id}" if old else "missed"
            print(f"{what}: {document.id} ({document.title[:60]}): {evidence[at]}")


if __name__ == "__main__":
    sys.exit(main())

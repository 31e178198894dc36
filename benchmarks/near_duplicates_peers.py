"""Let other libraries look for copies; runs in their environment, started by near_duplicates.py.

    PYTHON near_duplicates_peers.py DOCUMENTS.json VECTORS.npy LINKS.json

Imports nothing of this project. A library that is not installed is left out.
"""

import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_WORD = re.compile(r"\w+")

Links = dict[int, int]
Search = Callable[[list[str], Any], Links]


def datasketch_lsh(threshold: float) -> Search:
    """MinHash of word 3-grams, 128 permutations; of what the LSH returns the likest is taken."""
    from datasketch import MinHash, MinHashLSH

    def search(texts: list[str], vectors: Any) -> Links:
        index = MinHashLSH(threshold=threshold, num_perm=128)
        sketches = []
        links: Links = {}
        for number, text in enumerate(texts):
            words = _WORD.findall(text.lower())
            grams = {" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))}
            sketch = MinHash(num_perm=128)
            sketch.update_batch([gram.encode() for gram in grams])
            found = sorted(index.query(sketch))
            if found:
                links[number] = max(found, key=lambda old: sketch.jaccard(sketches[old]))
            sketches.append(sketch)
            index.insert(number, sketch)
        return links

    return search


def semhash(threshold: float) -> Search:
    """Nearest by cosine of the given vectors, as the library's own self_deduplicate decides."""
    from semhash import SemHash

    class Given:
        def encode(self, inputs: Any, **kwargs: Any) -> Any:
            raise RuntimeError("the vectors are given: nothing is to be encoded")

    def search(texts: list[str], vectors: Any) -> Links:
        records = [{"text": text, "number": str(at)} for at, text in enumerate(texts)]
        index = SemHash.from_embeddings(vectors, records, Given(), columns=["text"])
        links: Links = {}
        for item in index.self_deduplicate(threshold=threshold).filtered:
            new, old = int(item.record["number"]), int(item.duplicate_of["number"])
            links[max(new, old)] = min(new, old)
        return links

    return search


def text_dedup(threshold: float, width: int) -> Search:
    """Its MinHash signatures and its union-find, fed by the loop of its minhash command."""
    from text_dedup.minhash import RNG, embed_func
    from text_dedup.utils import UnionFind, optimal_param, sha1_hash

    permutations = 256  # this and the types are the command's defaults
    prime, most = np.uint64((1 << 61) - 1), np.uint32((1 << 32) - 1)
    factors = RNG.randint(1, prime, size=(permutations,), dtype=np.uint64)
    offsets = RNG.randint(0, prime, size=(permutations,), dtype=np.uint64)

    def search(texts: list[str], vectors: Any) -> Links:
        bands, rows = optimal_param(threshold, permutations, 0.5, 0.5)
        ranges = [(band * rows, (band + 1) * rows) for band in range(bands)]
        tables: list[dict[bytes, set[int]]] = [defaultdict(set) for _ in range(bands)]
        for number, text in enumerate(texts):
            sketch = embed_func(
                text, number, num_perm=permutations, ngram_size=width, min_length=5,
                hashranges=ranges, permutations=(factors, offsets),
                hash_func=lambda data: sha1_hash(data, d=32), dtype=np.uint64,
                max_hash=most, modulo_prime=prime,
            )  # fmt: skip
            for table, value in zip(tables, sketch["__signatures__"]):
                table[value].add(number)
        union = UnionFind()
        for table in tables:
            for cluster in table.values():
                for number in cluster:
                    union.union(number, min(cluster))
        first: dict[int, int] = {}
        for number in range(len(texts)):
            first.setdefault(union.find(number), number)
        return {n: first[union.find(n)] for n in range(len(texts)) if first[union.find(n)] != n}

    return search


METHODS: tuple[tuple[str, Callable[..., Search], tuple[Any, ...]], ...] = (
    ("semhash .90", semhash, (0.90,)),
    ("semhash .95", semhash, (0.95,)),
    ("datasketch LSH .5", datasketch_lsh, (0.5,)),
    ("datasketch LSH .3", datasketch_lsh, (0.3,)),
    ("text-dedup .7, 5-grams", text_dedup, (0.7, 5)),  # its defaults
    ("text-dedup .5, 3-grams", text_dedup, (0.5, 3)),
)


def main(documents: str, given: str, answer: str) -> int:
    texts = json.loads(Path(documents).read_text("utf-8"))
    vectors = np.load(given)
    said = []
    for name, make, settings in METHODS:
        try:
            search = make(*settings)
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
            continue
        started = time.perf_counter()
        links = search(texts, vectors)
        seconds = time.perf_counter() - started
        said.append({"method": name, "seconds": seconds, "links": sorted(links.items())})
    Path(answer).write_text(json.dumps(said), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Vectors of leads, encoded once and kept in a folder as they are made."""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas import Article
from transforms.embed.encoder import Encoder
from transforms.embed.lead import lead_text

_BATCH = 512  # leads encoded, then kept; an interrupted run loses no more than these

Vectors = NDArray[np.float32]


class VectorCache:
    """The vector of each lead, by its digest.

    Args:
        folder: keeps the vectors for later runs, one file a batch; None keeps them in memory.
    """

    def __init__(self, encoder: Encoder, folder: Path | None) -> None:
        self._encoder = encoder
        self._folder = folder / "vectors" if folder else None
        self._known: dict[str, Vectors] = {}
        self._files = 0
        for stored in sorted(self._folder.glob("*.npz")) if self._folder else ():
            with np.load(stored) as held:
                self._known.update(zip(held["names"].tolist(), held["vectors"]))
            self._files = int(stored.stem) + 1

    def encode(self, articles: Sequence[Article]) -> list[Vectors]:
        """Give the vector of each article's title and lead."""
        leads = [lead_text(item) for item in articles]
        names = [self._name(lead) for lead in leads]
        missing = {name: lead for name, lead in zip(names, leads) if name not in self._known}
        if missing:
            print(f"encoding {len(missing)} leads, once", file=sys.stderr)
        for first in range(0, len(missing), _BATCH):
            self._encode(list(missing.items())[first : first + _BATCH])
        return [self._known[name] for name in names]

    def _encode(self, batch: list[tuple[str, str]]) -> None:
        names = [name for name, _ in batch]
        vectors = self._encoder.encode([lead for _, lead in batch])
        self._known.update(zip(names, vectors))
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            np.savez(self._folder / f"{self._files:06d}.npz", names=names, vectors=vectors)
            self._files += 1

    def _name(self, lead: str) -> str:
        return hashlib.sha256(f"{self._encoder.model_id}\0{lead}".encode()).hexdigest()[:32]

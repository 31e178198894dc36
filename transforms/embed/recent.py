"""Remember the vectors of texts that were encoded a while ago."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from transforms.embed.encoder import Encoder
from transforms.embed.lead import text_key
from transforms.embed.units import Vectors

MOST = 8_192  # vectors kept: 12 MiB of 384 dimensions


class RecentVectors(Encoder):
    """An encoder that encodes a text again only when ``most`` others came since.

    For runs that go on: what a vector's last bits depend on is then the texts that came together,
    so a vector from another call is as good. Threads may share it.
    """

    def __init__(self, encoder: Encoder, most: int = MOST) -> None:
        self.model_id = encoder.model_id
        self.dim = encoder.dim
        self._encoder = encoder
        self._most = most
        self._kept: OrderedDict[bytes, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Give one unit vector per text, in the order of the texts."""
        keys = [text_key(text) for text in texts]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
        new = {key: text for key, text in zip(keys, texts) if key not in found}
        if new:
            found |= zip(new, self._encoder.encode(list(new.values())))
        self._keep(found)
        return np.array([found[key] for key in keys], np.float32).reshape(len(keys), self.dim)

    def _keep(self, found: dict[bytes, Vectors]) -> None:
        with self._lock:
            for key, vector in found.items():
                self._kept[key] = np.array(vector, np.float32)  # alone: a row holds its whole call
                self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

"""Turn texts into unit vectors."""

import math
import os
import threading
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transforms.embed.model import ModelError, resolve_model

MAX_TOKENS = 128  # word pieces per text; cost grows with them
BATCH_SIZE = 16


class Encoder(Protocol):
    """Whatever turns texts into vectors of one fixed length."""

    model_id: str  # "<name>@<first 12 hex of the weights' SHA-256>#<dim>"
    dim: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Give one unit vector per text, shape (len(texts), dim), in the order of the texts."""
        ...


class SentenceTransformerEncoder:
    """A sentence-transformers model in fp32, on the GPU when there is one.

    The same texts in the same call give the same bits on the same machine; another composition
    of a call may change the last bits, so callers that need equal bytes keep their batches fixed.

    Args:
        name: see ``resolve_model``, whose errors it raises.
        max_tokens: word pieces read of each text; the model's own limit if that is lower.
        batch_size: texts per forward pass.
    """

    def __init__(
        self, name: str, max_tokens: int = MAX_TOKENS, batch_size: int = BATCH_SIZE
    ) -> None:
        files = resolve_model(name)
        model = _load(name, str(files.folder))
        _limit_tokens(model, max_tokens)
        self.model_id = files.model_id
        self.dim = files.dim
        self._model = model
        self._batch_size = batch_size

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Give one unit vector per text; equal texts are encoded once."""
        valid = [text.encode("utf-8", "replace").decode() for text in texts]  # no surrogates
        unique = list(dict.fromkeys(valid))
        row = {text: number for number, text in enumerate(unique)}
        if not unique:
            return np.empty((0, self.dim), np.float32)
        vectors = np.asarray(
            self._model.encode(
                unique,
                batch_size=self._batch_size,  # it sorts by length itself
                show_progress_bar=False,
                convert_to_numpy=True,
            ),
            dtype=np.float32,
        )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return np.ascontiguousarray(unit[[row[text] for text in valid]], dtype=np.float32)


def _limit_tokens(model: Any, most: int) -> None:
    limit = model.max_seq_length
    if limit == math.inf:  # a static model: a table of words, without a limit that could be set
        model.tokenizer.enable_truncation(most)
    else:
        model.max_seq_length = min(most, limit) if limit else most


def _load(name: str, folder: str) -> Any:
    # Seconds of import: only for those who embed.
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    # Its bar of loaded weights would cut through our progress lines.
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(_cores())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        model = SentenceTransformer(
            folder,
            device=device,
            local_files_only=True,
            trust_remote_code=False,  # a model is data
            model_kwargs={"torch_dtype": torch.float32},
        )
    except Exception as error:  # whatever a broken folder makes the libraries raise
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            f"model {name}: sentence-transformers cannot load {folder} ({cause})"
        ) from error
    return model.eval()


def _cores() -> int:
    """Count the cores this process may use; one thread each is the fastest measured."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_lock = threading.Lock()
_loaded: dict[tuple[str, int, int], SentenceTransformerEncoder] = {}


def load_encoder(
    name: str, max_tokens: int = MAX_TOKENS, batch_size: int = BATCH_SIZE
) -> SentenceTransformerEncoder:
    """Give this process's only encoder of these settings, loading it on the first call.

    Engines make and drop DoFns as they like; the model stays.
    """
    key = (name, max_tokens, batch_size)
    with _lock:
        if key not in _loaded:
            _loaded[key] = SentenceTransformerEncoder(*key)
        return _loaded[key]

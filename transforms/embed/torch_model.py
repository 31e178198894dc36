"""Run a sentence-transformers model with torch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from transforms._shared.cores import threads_for
from transforms.embed.backends import BF16, FP32, has_cuda
from transforms.embed.model import ModelError, ModelFiles
from transforms.embed.plain import NotPlainError, text_rules
from transforms.embed.tokens import Numbers
from transforms.embed.units import Forward, TokenEncoder, Vectors, different, unit_rows


def load_model(files: ModelFiles, precision: str = FP32, threads: int = 0) -> Any:
    """Load a SentenceTransformer onto the GPU, or the processor where there is none.

    Raises:
        ModelError: the libraries cannot load it.
    """
    # Seconds of import: only for those who embed.
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    # Its bar of loaded weights would cut through our progress lines.
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads or threads_for())
    try:
        model = SentenceTransformer(
            str(files.folder),
            device="cuda" if has_cuda() else "cpu",
            local_files_only=True,
            trust_remote_code=False,  # a model is data
            model_kwargs={"torch_dtype": torch.bfloat16 if precision == BF16 else torch.float32},
        )
    except Exception as error:  # whatever a broken folder makes the libraries raise
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            f"model {files.name}: sentence-transformers cannot load {files.folder} ({cause})"
        ) from error
    if precision == BF16:
        model = model.bfloat16()  # the layers after the transformer too
    return model.eval()


def torch_forward(model: Any) -> Forward:
    """Run the model's own layers, whichever they are, on tokens."""
    import torch

    def forward(ids: Numbers, mask: Numbers) -> Vectors:
        features = {
            "input_ids": torch.from_numpy(ids).to(model.device),
            "attention_mask": torch.from_numpy(mask).to(model.device),
        }
        with torch.inference_mode():
            found = model(features)["sentence_embedding"]
            return np.asarray(found.float().cpu().numpy(), np.float32)

    return forward


class SentenceTransformerEncoder:
    """Any sentence-transformers model, by its own ``encode``.

    Args:
        model: what ``load_model`` gives.
        max_tokens: word pieces read of each text; the model's own limit if that is lower.
        batch_size: texts per forward pass.
    """

    def __init__(self, files: ModelFiles, model: Any, max_tokens: int, batch_size: int) -> None:
        _limit_tokens(model, max_tokens)
        self.model_id = files.model_id
        self.dim = files.dim
        self._model = model
        self._batch_size = batch_size
        self.steady = False  # how it pads depends on what else there is

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Give one unit vector per text; equal texts are encoded once."""
        unique, rows = different(texts)
        if not unique:
            return np.empty((0, self.dim), np.float32)
        found = self._model.encode(
            unique,
            batch_size=self._batch_size,  # it sorts by length itself
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return unit_rows(np.asarray(found, np.float32))[rows]


def torch_encoder(
    files: ModelFiles, model: Any, max_tokens: int, batch_size: int
) -> TokenEncoder | SentenceTransformerEncoder:
    """Give the fastest way that torch has of running a model: without ``encode`` where it can."""
    try:
        tokens = text_rules(model).tokens(max_tokens)
    except NotPlainError:
        return SentenceTransformerEncoder(files, model, max_tokens, batch_size)
    return TokenEncoder(files.model_id, files.dim, tokens, torch_forward(model), batch_size)


def _limit_tokens(model: Any, most: int) -> None:
    limit = model.max_seq_length
    if limit == math.inf:  # a static model: a table of words, without a limit that could be set
        model.tokenizer.enable_truncation(most)
    else:
        model.max_seq_length = min(most, limit) if limit else most

"""Turn texts into unit vectors."""

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from transforms._shared.cores import threads_for
from transforms.embed.backends import AUTO, FP32, TORCH, BackendError, choose, refusal
from transforms.embed.model import ModelFiles, resolve_model
from transforms.embed.plain import NotPlainError
from transforms.embed.units import Vectors

MAX_TOKENS = 128  # word pieces per text; cost grows with them
BATCH_SIZE = 16

_LOG = logging.getLogger("newsevents.embed")


class Encoder(Protocol):
    """Whatever turns texts into vectors of one fixed length."""

    model_id: str  # "<name>@<first 12 hex of the weights' SHA-256>#<dim>"
    dim: int

    @property
    def steady(self) -> bool:
        """Whether the same text gets the same bits in whatever company it is encoded."""
        return False

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Give one unit vector per text, shape (len(texts), dim), in the order of the texts."""
        ...


_lock = threading.Lock()
_loaded: dict[tuple[str, int, int, str, str, int], Encoder] = {}


def load_encoder(
    name: str,
    max_tokens: int = MAX_TOKENS,
    batch_size: int = BATCH_SIZE,
    backend: str = AUTO,
    precision: str = FP32,
    processes: int = 1,
) -> Encoder:
    """Give this process's only encoder of these settings, loading it on the first call.

    Engines make and drop DoFns as they like; the model stays.

    Args:
        name: see ``resolve_model``, whose errors it raises.
        max_tokens: word pieces read of each text; the model's own limit if that is lower.
        batch_size: texts per forward pass.
        backend: what runs the model, see ``backends.choose``.
        precision: in which numbers.
        processes: how many like this one share the machine.

    Raises:
        ModelError: the model cannot be loaded, or not run as asked.
    """
    key = (name, max_tokens, batch_size, backend, precision, processes)
    with _lock:
        if key not in _loaded:
            _loaded[key] = _load(*key)
        return _loaded[key]


def _load(
    name: str, max_tokens: int, batch_size: int, backend: str, precision: str, processes: int
) -> Encoder:
    files, threads = resolve_model(name), threads_for(processes)
    chosen = choose(backend, precision)
    if chosen != TORCH:
        from transforms.embed.exported import ExportError, exported_encoder

        try:
            return exported_encoder(files, chosen, precision, max_tokens, batch_size, threads)
        except (ExportError, NotPlainError) as error:
            _torch_instead(files, chosen, backend, precision, error)
    from transforms.embed.torch_model import load_model, torch_encoder

    return torch_encoder(files, load_model(files, precision, threads), max_tokens, batch_size)


def _torch_instead(
    files: ModelFiles, chosen: str, backend: str, precision: str, error: Exception
) -> None:
    """Say that torch runs the model, or refuse where that would not be what was asked for."""
    said = f"model {files.name}: {chosen} cannot be used: {' '.join(str(error).split())}"
    if refusal(TORCH, precision):
        raise BackendError(f"{said}; use --encoder torch") from error
    if backend != AUTO:
        raise BackendError(f"{said}; use --encoder torch or auto") from error
    if not isinstance(error, NotPlainError):  # that is how some models are
        _LOG.warning("%s; torch runs it", said)

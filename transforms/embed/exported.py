"""A model exported for OpenVINO or ONNX Runtime: made with torch once, run without it."""

import contextlib
import hashlib
import importlib.metadata
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from transforms.embed.backends import BF16, EXPORTERS, FP32, INT8, NEEDS, ONNX
from transforms.embed.model import ModelFiles
from transforms.embed.plain import SAMPLES, NotPlainError, TextRules, text_rules
from transforms.embed.stored import stored
from transforms.embed.tokens import Numbers
from transforms.embed.units import Forward, TokenEncoder, Vectors

_FORMAT = 1  # of what is stored: raise it with every change of how
_OPENVINO_FILE, _ONNX_FILE = "model.xml", "model.onnx"
_INPUTS = ("input_ids", "attention_mask")
_LEAST_COSINE = {FP32: 0.9999, BF16: 0.999, INT8: 0.99}  # of each sample to torch's vector
_INT8_LEVELS = 127
_CODE = {".json", ".txt", ".model", ".safetensors", ".bin", ".py"}  # what shapes the vectors
_LARGE = 2**26  # bytes: a tokeniser may have 2**24
_LOG = logging.getLogger("newsevents.embed")


class ExportError(Exception):
    """The model could not be exported; the message says why."""


def exported_encoder(
    files: ModelFiles, backend: str, precision: str, max_tokens: int, batch_size: int, threads: int
) -> TokenEncoder:
    """Load the export of a model, making it first where there is none.

    Raises:
        ModelError: the model cannot be loaded to be exported.
        NotPlainError: it is no plain transformer, and only torch can run it.
        ExportError: the libraries fail, or what they made gives other vectors.
    """
    weights = INT8 if precision == INT8 else FP32

    def make(folder: Path) -> None:
        _export(files, backend, weights, folder)

    with stored(_name(files, backend, weights), make) as folder, _told_as_export_error(backend):
        forward = _forward(folder, backend, precision, threads)
        tokens = TextRules.read(folder).tokens(max_tokens)
    return TokenEncoder(files.model_id, files.dim, tokens, forward, batch_size)


def _name(files: ModelFiles, backend: str, weights: str) -> str:
    """Name an export by all that it depends on."""
    digest = hashlib.sha256(f"{_FORMAT}".encode())
    for name in (*EXPORTERS, *NEEDS[backend]):
        digest.update(f"{name}=={importlib.metadata.version(name)};".encode())
    for path in sorted(files.folder.rglob("*")):
        if path.suffix in _CODE and path.is_file():
            digest.update(f"{path.relative_to(files.folder)}\0{path.stat().st_size};".encode())
            if path.stat().st_size < _LARGE:  # the checksum of the weights is known
                digest.update(path.read_bytes())
    return f"{backend}-{weights}-{files.weights_sha256[:32]}-{digest.hexdigest()[:16]}"


def _export(files: ModelFiles, backend: str, weights: str, folder: Path) -> None:
    from transforms.embed.torch_model import load_model, torch_forward

    _LOG.warning("preparing %s for %s: %s", files.name, backend, folder.parent)
    model = load_model(files).cpu()
    rules = text_rules(model)
    with _told_as_export_error(backend), _quiet():
        layers = _as_layers(model)
        if backend == ONNX:
            _to_onnx(layers, folder)
        else:
            _to_openvino(layers, weights, folder)
        rules.write(folder)
        forward = _forward(folder, backend, weights, 1)
    batch = rules.tokens(64).together(SAMPLES)
    expected = torch_forward(model)(batch.ids, batch.mask)
    found = forward(batch.ids, batch.mask)
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
    cosine = float(((expected * found).sum(axis=1) / lengths).min())
    if not cosine >= _LEAST_COSINE[weights]:  # nor when it is no number
        raise ExportError(f"its vectors differ from torch's (cosine {cosine:.4f})")


@contextlib.contextmanager
def _told_as_export_error(backend: str) -> Iterator[None]:
    try:
        yield
    except (NotPlainError, ExportError):
        raise
    except Exception as error:  # whatever the libraries raise, at import too
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise ExportError(f"{backend} cannot run it ({cause})") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the remarks of the exporters, which are about their own insides, off the terminal."""
    from transformers.utils import logging as transformers

    level = transformers.get_verbosity()
    transformers.set_verbosity_error()  # type: ignore[no-untyped-call]
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            transformers.set_verbosity(level)


def _as_layers(model: Any) -> Any:
    """Give the model's own layers, whichever they are, as one from tokens and mask to vectors."""
    import torch

    class Layers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            return self.model(features)["sentence_embedding"]

    return Layers().eval()


def _example() -> dict[str, Any]:
    import torch

    return {name: torch.ones((2, 16), dtype=torch.int64) for name in _INPUTS}


def _to_onnx(layers: Any, folder: Path) -> None:
    import torch

    example = tuple(_example().values())
    axes = {name: {0: "texts", 1: "tokens"} for name in _INPUTS}
    with torch.inference_mode():
        torch.onnx.export(
            layers,
            example,
            str(folder / _ONNX_FILE),
            input_names=list(_INPUTS),
            output_names=["vectors"],
            dynamic_axes=axes,
            dynamo=False,  # the other exporter needs one more library, and fixes shapes
        )


def _openvino() -> Any:
    # It would tell its maker of every import and conversion. Without this package it does not.
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def _to_openvino(layers: Any, weights: str, folder: Path) -> None:
    openvino = _openvino()
    model = openvino.convert_model(layers, example_input=_example())
    if weights == INT8:
        _to_int8(model)
    openvino.save_model(model, folder / _OPENVINO_FILE, compress_to_fp16=False)


def _to_int8(model: Any) -> None:
    """Store the weights of each matrix product in 8 bits, with one scale for each output."""
    from openvino import opset13

    for step in model.get_ordered_ops():
        if step.get_type_name() != "MatMul":
            continue
        source = step.input_value(1).get_node()
        if source.get_type_name() != "Constant":
            continue
        exact = np.asarray(source.data, np.float32)
        axis = 1 if step.get_attributes()["transpose_b"] else 0
        largest = np.abs(exact).max(axis=axis, keepdims=True)
        scale = np.maximum(largest, np.finfo(np.float32).tiny) / _INT8_LEVELS
        whole = opset13.constant(np.round(exact / scale).astype(np.int8))
        again = opset13.multiply(opset13.convert(whole, "f32"), opset13.constant(scale))
        step.input(1).replace_source_output(again.output(0))


def _forward(folder: Path, backend: str, precision: str, threads: int) -> Forward:
    if backend == ONNX:
        return _onnx_forward(folder / _ONNX_FILE, threads)
    return _openvino_forward(folder / _OPENVINO_FILE, precision, threads)


def _openvino_forward(path: Path, precision: str, threads: int) -> Forward:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",  # one batch at a time, on all threads
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # other processes of ours would take the same cores
        "INFERENCE_PRECISION_HINT": "bf16" if precision == BF16 else "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 128 if precision == INT8 else 0,
    }
    request = _openvino().Core().compile_model(path, "CPU", settings).create_infer_request()

    def forward(ids: Numbers, mask: Numbers) -> Vectors:
        return np.asarray(request.infer([ids, mask])[0], np.float32)

    return forward


def _onnx_forward(path: Path, threads: int) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors, which it raises as well
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def forward(ids: Numbers, mask: Numbers) -> Vectors:
        rows = len(ids)
        if rows == 1:  # which it would compute in another way than several
            ids, mask = np.repeat(ids, 2, axis=0), np.repeat(mask, 2, axis=0)
        found = session.run(None, dict(zip(_INPUTS, (ids, mask))))[0]
        return np.asarray(found[:rows], np.float32)

    return forward

"""Every backend that is installed gives the vectors of torch in fp32, or nearly."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from transforms.embed import encoder as module
from transforms.embed import exported, plain
from transforms.embed.backends import (
    AUTO,
    BF16,
    FP32,
    INT8,
    ONNX,
    OPENVINO,
    TORCH,
    BackendError,
    choose,
)
from transforms.embed.encoder import load_encoder
from transforms.embed.model import DEFAULT_MODEL, ModelError, resolve_model
from transforms.embed.stored import CACHE

DEMO = Path(__file__).parents[2] / "tests" / "quality" / "hard_pairs.jsonl"
WAYS = [
    (TORCH, FP32), (TORCH, BF16), (ONNX, FP32), (OPENVINO, FP32), (OPENVINO, BF16), (OPENVINO, INT8)
]  # fmt: skip
LEAST_MEAN = {FP32: 0.999999, BF16: 0.999, INT8: 0.995}
LEAST = {FP32: 0.99999, BF16: 0.998, INT8: 0.99}
ODD = {
    "nothing": "",
    "spaces": " \n\t ",
    "a null byte": "\x00",
    "a surrogate": "bridge \ud800 mill",
    "very long": "The river rose to the arches of the bridge. " * 2_000,
    "long and without spaces": "字" * 5_000,
    "German": "Die Brücke über den Mühlbach ist gesperrt.",
    "Russian": "Мост через ручей закрыт.",
    "Arabic": "الجسر فوق الجدول مغلق",
    "signs": "[SEP] [PAD] </s> 🙂🏽 \u202e \ufeff e\u0301",
}


def texts():
    lines = [json.loads(line) for line in DEMO.read_text(encoding="utf-8").splitlines()]
    return [f"{line['title']}. {line['text']}" for line in lines[:30]]


@pytest.fixture(scope="module")
def expected():
    return load_encoder(DEFAULT_MODEL, backend=TORCH).encode([*texts(), *ODD.values()])


@pytest.fixture(scope="module", params=WAYS, ids=" ".join)
def encoder(request):
    backend, precision = request.param
    try:
        choose(backend, precision)
    except BackendError as error:
        pytest.skip(str(error))
    return load_encoder(DEFAULT_MODEL, backend=backend, precision=precision), precision


def cosines(encoder, expected):
    found = encoder.encode([*texts(), *ODD.values()])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    return (found * expected).sum(axis=1)


def test_vectors_are_those_of_torch(encoder, expected) -> None:
    (encoder, precision) = encoder
    found = cosines(encoder, expected)
    print(f"{type(encoder).__name__} {precision}: mean {found.mean():.6f} min {found.min():.6f}")
    assert found.mean() >= LEAST_MEAN[precision]
    assert found.min() >= LEAST[precision]


def test_the_same_call_gives_the_same_bytes(encoder) -> None:
    (encoder, _) = encoder
    given = texts()[:40]
    assert encoder.encode(given).tobytes() == encoder.encode(given).tobytes()


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_odd_text_alone_has_the_vector_it_has_among_others(encoder, text) -> None:
    (encoder, precision) = encoder
    alone = encoder.encode([text])[0]
    among = encoder.encode([*texts()[:5], text])[5]
    assert alone @ among >= LEAST[precision]


def test_a_steady_encoder_gives_a_text_the_same_bytes_in_whatever_company(encoder) -> None:
    (encoder, _) = encoder
    if not encoder.steady:
        pytest.skip("this library computes a row of few in another way than one of many here")
    given = [*texts(), *ODD.values(), *(text[:80] for text in texts())]
    together = encoder.encode(given)
    for size in (1, 3, 16, 45):
        for start in range(0, len(given), size):
            found = encoder.encode(given[start : start + size][::-1])[::-1]
            assert found.tobytes() == together[start : start + size].tobytes(), (size, start)


def test_no_texts_give_no_vectors(encoder) -> None:
    assert encoder[0].encode([]).shape == (0, 384)


def test_text_beyond_the_limit_is_not_read(encoder) -> None:
    one, other = encoder[0].encode(["bridge " * 200 + "brewery", "bridge " * 200 + "mill"])
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_plain_vectors_are_those_of_the_library_itself(expected) -> None:
    from sentence_transformers import SentenceTransformer

    folder = str(resolve_model(DEFAULT_MODEL).folder)
    library = SentenceTransformer(folder, device="cpu", local_files_only=True)
    library.max_seq_length = 128
    given = [text.encode("utf-8", "replace").decode() for text in [*texts(), *ODD.values()]]
    np.testing.assert_allclose(library.encode(given), expected, atol=1e-5)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """No model is loaded and no export is stored."""
    monkeypatch.setattr(module, "_loaded", {})
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(logging.getLogger("newsevents"), "propagate", True)  # to caplog
    return tmp_path / "cache"


needs_openvino = pytest.mark.skipif(
    module.choose(AUTO, FP32, lambda: False) != OPENVINO, reason="openvino is not installed"
)


@needs_openvino
def test_a_damaged_export_is_made_again(fresh, caplog) -> None:
    load_encoder(DEFAULT_MODEL, backend=OPENVINO)
    (kept,) = fresh.iterdir()
    weights = kept / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"\0\0\0\1")
    module._loaded.clear()
    caplog.clear()
    encoder = load_encoder(DEFAULT_MODEL, backend=OPENVINO)
    assert encoder.encode(["The bridge is closed."]).shape == (1, 384)
    assert sum("is damaged and is made again" in line for line in caplog.messages) == 1
    assert weights.read_bytes() == whole


@needs_openvino
def test_with_a_stored_export_torch_is_not_imported() -> None:
    load_encoder(DEFAULT_MODEL, backend=OPENVINO)  # stored from now on
    program = (
        "import sys; from transforms.embed.encoder import load_encoder;"
        f"load_encoder({DEFAULT_MODEL!r}, backend='openvino').encode(['a bridge']);"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') "
        "if name in sys.modules], sys.modules.get('openvino_telemetry'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=DEMO.parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[] None"


@needs_openvino
@pytest.mark.parametrize("error", [exported.ExportError("no such layer"), OSError("no library")])
def test_auto_falls_back_on_torch_and_says_why(fresh, monkeypatch, caplog, error) -> None:
    def fail(*_):
        raise error

    monkeypatch.setattr(exported, "_to_openvino", fail)
    encoder = load_encoder(DEFAULT_MODEL)
    assert encoder.encode(["a bridge"]).shape == (1, 384)
    assert any("openvino cannot be used" in line for line in caplog.messages)
    with pytest.raises(BackendError, match="use --encoder torch or auto"):
        load_encoder(DEFAULT_MODEL, backend=OPENVINO)
    with pytest.raises(BackendError, match="use --encoder torch"):
        load_encoder(DEFAULT_MODEL, precision=INT8)
    assert list(fresh.iterdir()) == []


@needs_openvino
def test_an_export_with_other_vectors_is_refused(fresh, monkeypatch) -> None:
    forward = exported._forward
    monkeypatch.setattr(
        exported, "_forward", lambda *given: lambda ids, mask: -forward(*given)(ids, mask)
    )
    with pytest.raises(BackendError, match=r"its vectors differ from torch's \(cosine -1\.0000\)"):
        load_encoder(DEFAULT_MODEL, backend=OPENVINO)


@needs_openvino
def test_a_model_that_is_not_plain_is_run_by_torch(fresh, monkeypatch, caplog) -> None:
    def not_plain(model):
        raise plain.NotPlainError("it sings")

    monkeypatch.setattr(plain, "text_rules", not_plain)
    monkeypatch.setattr(exported, "text_rules", not_plain)
    monkeypatch.setattr("transforms.embed.torch_model.text_rules", not_plain)
    encoder = load_encoder(DEFAULT_MODEL)
    assert type(encoder).__name__ == "SentenceTransformerEncoder"
    assert encoder.encode(["a bridge", "a bridge"]).shape == (2, 384)
    assert not [line for line in caplog.messages if "cannot be used" in line]
    with pytest.raises(ModelError, match=r"it sings.*use --encoder torch"):
        load_encoder(DEFAULT_MODEL, precision=INT8)

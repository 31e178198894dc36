import pytest

from transforms.embed import backends
from transforms.embed.backends import (
    AUTO,
    BACKENDS,
    BF16,
    FP32,
    INT8,
    ONNX,
    OPENVINO,
    PRECISIONS,
    TORCH,
    BackendError,
    choose,
    refusal,
    settle,
)


def chosen(backend, precision, cuda=False, there=(ONNX, OPENVINO), bf16=True):
    return choose(
        backend, precision, lambda: cuda, lambda name: name == TORCH or name in there, lambda: bf16
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, OPENVINO),
        ({"there": ()}, TORCH),
        ({"there": (ONNX,)}, TORCH),
        ({"cuda": True}, TORCH),
        ({"precision": INT8}, OPENVINO),
        ({"precision": INT8, "cuda": True}, OPENVINO),
        ({"precision": BF16, "cuda": True, "bf16": False}, TORCH),
        ({"precision": BF16}, OPENVINO),
        ({"backend": ONNX, "cuda": True}, ONNX),
        ({"backend": TORCH}, TORCH),
    ],
)
def test_auto_is_torch_on_a_gpu_else_openvino_where_it_is(given, expected) -> None:
    assert chosen(**{"backend": AUTO, "precision": FP32} | given) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"backend": OPENVINO, "there": ()}, "needs: pip install 'newsevents[openvino]'"),
        ({"backend": ONNX, "there": ()}, "needs: pip install 'newsevents[onnx]'"),
        ({"precision": INT8, "there": ()}, "needs: pip install 'newsevents[openvino]'"),
        ({"precision": BF16, "bf16": False}, "use fp32, or int8"),
        ({"backend": TORCH, "precision": INT8}, "has no int8: use --encoder openvino"),
    ],
)
def test_what_this_machine_lacks_is_one_line_with_the_fix(given, said) -> None:
    with pytest.raises(BackendError) as caught:
        chosen(**{"backend": AUTO, "precision": FP32} | given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, BF16),
        ({"bf16": False}, FP32),
        ({"cuda": True}, FP32),
        ({"backend": OPENVINO, "cuda": True}, BF16),
        ({"backend": TORCH}, BF16),
        ({"backend": ONNX}, FP32),
    ],
)
def test_auto_is_bf16_where_the_processor_gains_by_it(given, expected) -> None:
    given = {"backend": AUTO, "cuda": False, "bf16": True} | given
    settled = settle(given["backend"], lambda: given["cuda"], lambda: given["bf16"])
    assert settled == expected


@pytest.mark.parametrize(
    ("written", "gains"),
    [
        ("flags\t: avx2 avx512_bf16 amx_tile\n", True),
        ("flags : amx_bf16", True),
        ("Features : asimd bf16", False),
        ("flags : avx2 avx512_bf16x", False),
        (None, False),
    ],
)
def test_processors_that_gain_by_bf16_say_so(written, gains, tmp_path, monkeypatch) -> None:
    if written is not None:
        (tmp_path / "cpuinfo").write_text(written)
    monkeypatch.setattr(backends, "_CPU", tmp_path / "cpuinfo")
    assert settle(OPENVINO) == (BF16 if gains else FP32)


def test_every_backend_counts_in_fp32_and_every_precision_has_one() -> None:
    assert not [backend for backend in BACKENDS if refusal(backend, FP32)]
    assert not [precision for precision in PRECISIONS if refusal(AUTO, precision)]
    refused = {(b, p) for b in BACKENDS for p in PRECISIONS if refusal(b, p)}
    assert refused == {(TORCH, INT8), (ONNX, BF16), (ONNX, INT8)}


def test_torch_without_a_gpu_is_known_without_importing_it(monkeypatch) -> None:
    monkeypatch.setattr(backends.importlib.metadata, "version", lambda name: "2.13.0+cpu")
    assert backends.has_cuda.__wrapped__() is False
    monkeypatch.setattr(backends.importlib.metadata, "version", lambda name: "2.13.0")
    monkeypatch.setattr(backends, "_GRAPHICS", ("/no/such/device",))
    assert backends.has_cuda.__wrapped__() is False


@pytest.mark.parametrize(
    ("flags", "there"),
    [
        ("flags : fpu avx512f avx512_bf16 amx_int8", True),
        ("Features : asimd i8mm bf16", True),
        ("flags : fpu avx512f avx512_vnni", False),
    ],
)
def test_bf16_is_read_off_what_the_processor_says(flags, there, tmp_path, monkeypatch) -> None:
    (tmp_path / "cpuinfo").write_text(flags)
    monkeypatch.setattr(backends, "_CPU", tmp_path / "cpuinfo")
    assert backends._counts_in_bf16() is there
    monkeypatch.setattr(backends, "_CPU", tmp_path / "none")
    assert backends._counts_in_bf16() is False

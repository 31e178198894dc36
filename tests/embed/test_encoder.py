import numpy as np
import pytest

from transforms.embed.encoder import load_encoder
from transforms.embed.model import DEFAULT_MODEL, ModelError

TEXTS = [
    "The old bridge is closed. Traffic goes round by the mill.",
    "Bridge shut to traffic. Drivers are sent past the mill.",
    "Quarterly profit of the brewery doubled.",
]


ODD = ["empty", "space", "null byte", "surrogate", "long and without spaces"]


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(DEFAULT_MODEL)


def test_vectors_are_unit_float32_of_the_promised_length(encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    assert (encoder.dim, encoder.model_id) == (384, "all-MiniLM-L6-v2@53aa51172d14#384")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_texts_of_one_meaning_are_closer_than_others(encoder) -> None:
    bridge, same, brewery = encoder.encode(TEXTS)
    assert bridge @ same > 0.6 > 0.3 > bridge @ brewery


def test_equal_texts_get_equal_vectors_in_the_order_given(encoder) -> None:
    one, other = encoder.encode(TEXTS[:2])
    repeated = encoder.encode([TEXTS[1], TEXTS[0], TEXTS[1]])
    np.testing.assert_allclose(repeated, [other, one, other], atol=1e-5)
    assert repeated[0].tobytes() == repeated[2].tobytes()


def test_the_same_call_gives_the_same_bytes(encoder) -> None:
    assert encoder.encode(TEXTS).tobytes() == encoder.encode(TEXTS).tobytes()


def test_text_beyond_the_limit_is_not_read(encoder) -> None:
    lead = "bridge " * 200
    one, other = encoder.encode([lead + "brewery", lead + "mill"])
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "字" * 5000], ids=ODD)
def test_odd_texts_have_vectors_too(encoder, text) -> None:
    vector = encoder.encode([text])[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_no_texts_give_no_vectors(encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_one_model_per_process(encoder) -> None:
    assert load_encoder(DEFAULT_MODEL) is encoder


def test_folder_that_is_no_model_is_one_line(tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 3}')
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="cannot load") as caught:
        load_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)

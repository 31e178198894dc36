import multiprocessing
import subprocess
from pathlib import Path

import pytest

from tests.environments import environment

NOTHING = "# no package at all\n"


@pytest.fixture
def pins(tmp_path):
    path = tmp_path / "small.txt"
    path.write_text(NOTHING)
    return path


def test_an_environment_is_made_once_and_kept(pins, tmp_path):
    python = environment(pins, tmp_path / "kept")
    made = python.parents[1].stat().st_mtime_ns
    assert environment(pins, tmp_path / "kept") == python
    assert python.parents[1].stat().st_mtime_ns == made


def test_it_holds_none_of_our_packages(pins, tmp_path):
    python = environment(pins, tmp_path / "kept")
    found = subprocess.run([python, "-c", "import numpy"], capture_output=True, text=True)
    assert "No module named 'numpy'" in found.stderr


def test_processes_that_ask_at_once_get_the_same_one(pins, tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.starmap(environment, [(pins, tmp_path / "kept")] * 3)
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "kept").glob("small-*")] == [found[0].parts[-3]]


def test_changed_pins_replace_it(pins, tmp_path):
    before = environment(pins, tmp_path / "kept")
    pins.write_text(NOTHING * 2)
    after = environment(pins, tmp_path / "kept")
    assert after.exists()
    assert not before.exists()


def test_one_half_made_is_made_anew(pins, tmp_path):
    python = environment(pins, tmp_path / "kept")
    (python.parents[1] / ".ready").unlink()
    python.unlink()
    assert environment(pins, tmp_path / "kept").exists()


def test_what_cannot_be_installed_is_told_and_leaves_nothing_ready(tmp_path):
    pins = tmp_path / "broken.txt"
    pins.write_text("./no-such-folder\n")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no-such-folder"):
            environment(pins, tmp_path / "kept")


def test_environments_are_kept_out_of_git():
    ignored = Path(__file__).parents[2].joinpath(".gitignore").read_text().splitlines()
    assert ".environments/" in ignored

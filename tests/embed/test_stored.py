import json
import logging
import threading
from pathlib import Path

import pytest

from transforms.embed import stored as module
from transforms.embed.stored import CACHE, cache_folder, stored


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_told", set())
    monkeypatch.setattr(logging.getLogger("newsevents"), "propagate", True)  # to caplog
    return tmp_path / "cache"


class Maker:
    def __init__(self, content=b"made"):
        self.calls = 0
        self.content = content

    def __call__(self, folder):
        self.calls += 1
        (folder / "model").write_bytes(self.content)


def read(make, name="one"):
    with stored(name, make) as folder:
        return (folder / "model").read_bytes(), folder


def test_what_was_made_once_is_taken_from_the_cache(cache) -> None:
    make = Maker()
    assert read(make) == read(make) == (b"made", cache / "one")
    assert make.calls == 1
    read(make, "other")
    assert make.calls == 2
    assert sorted(path.name for path in cache.iterdir()) == ["one", "other"]


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "no sums", "sums are a list"])
def test_what_is_damaged_is_made_again_and_said_in_one_line(cache, damage, caplog) -> None:
    make = Maker()
    read(make)
    if damage == "changed":
        (cache / "one" / "model").write_bytes(b"evil")
    elif damage == "cut":
        (cache / "one" / "model").write_bytes(b"")
    elif damage == "gone":
        (cache / "one" / "model").unlink()
    elif damage == "no sums":
        (cache / "one" / module._SUMS).unlink()
    else:
        (cache / "one" / module._SUMS).write_text(json.dumps(["model"]))
    assert read(make) == (b"made", cache / "one")
    assert make.calls == 2
    (line,) = caplog.messages
    assert str(cache / "one") in line
    assert "is damaged and is made again" in line
    assert [path.name for path in cache.iterdir()] == ["one"]


def test_a_cache_that_cannot_be_written_is_said_once_and_done_without(cache, caplog) -> None:
    cache.write_text("a file")
    make = Maker()
    content, folder = read(make)
    read(make)
    assert (content, make.calls, folder.exists()) == (b"made", 2, False)
    (line,) = caplog.messages
    assert f"cannot write the cache {cache}" in line
    assert CACHE in line


def test_nothing_is_kept_of_what_could_not_be_made(cache) -> None:
    def fail(folder):
        (folder / "half").write_bytes(b"")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), stored("one", fail):
        pass
    assert list(cache.iterdir()) == []


def test_a_full_disk_is_a_cache_that_cannot_be_written(cache, caplog) -> None:
    def make(folder):
        if cache in folder.parents:
            raise OSError(28, "No space left on device")
        (folder / "model").write_bytes(b"made")

    assert read(make)[0] == b"made"
    assert "No space left on device" in caplog.text


def test_several_at_once_all_get_something_whole(cache) -> None:
    together, found = threading.Barrier(4), []

    def make(folder):
        together.wait(10)
        (folder / "model").write_bytes(b"made")

    threads = [threading.Thread(target=lambda: found.append(read(make)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [b"made"] * 4
    assert [path.name for path in cache.iterdir()] == ["one"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({CACHE: "/c"}, "/c"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/newsevents"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/newsevents"),
        ({"HOME": "/h"}, "/h/.cache/newsevents"),
    ],
)
def test_cache_folder_is_where_the_user_keeps_such_things(variables, expected, monkeypatch) -> None:
    for name in (CACHE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)

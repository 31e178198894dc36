import os
import socket
from datetime import datetime, timezone

import pytest

from transforms._shared.rejects import RejectError
from transforms.read.files import file_uri, local_path, match, open_file


@pytest.fixture
def folder(tmp_path):
    for name in ("b.txt", "a.txt", "deep/c.txt", "deep/d.html", "odd[1].txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("The ferry is late.")
    return tmp_path


def names(folder, *patterns):
    found = match([str(folder / pattern) for pattern in patterns])
    return [os.path.relpath(path, folder) for path in found]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["?.txt"], ["a.txt", "b.txt"]),
        (["b.txt", "?.txt", "b.txt"], ["a.txt", "b.txt"]),
        (["*"], ["a.txt", "b.txt", "odd[1].txt"]),
        (["**/*.txt"], ["a.txt", "b.txt", "deep/c.txt", "odd[1].txt"]),
        (["**"], ["a.txt", "b.txt", "deep/c.txt", "deep/d.html", "odd[1].txt"]),
        (["odd[1].txt"], ["odd[1].txt"]),
        (["[ab].txt"], ["a.txt", "b.txt"]),
    ],
    ids=str,
)
def test_patterns_give_sorted_files_each_once_without_folders(folder, patterns, expected):
    assert names(folder, *patterns) == expected


def test_a_plain_file_uri_is_a_pattern(folder):
    assert match([(folder / "a.txt").as_uri()]) == [str(folder / "a.txt")]
    assert match([folder.as_uri() + "/?.txt"]) == [str(folder / "a.txt"), str(folder / "b.txt")]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("nothing-*.txt", "matches no file"),
        ("missing.txt", "matches no file"),
        ("deep", "is a folder"),
        ("de*p", "matches no file"),
        ("\0", "NUL"),
    ],
)
def test_a_pattern_without_files_is_named_in_the_error(folder, pattern, message):
    with pytest.raises(ValueError, match=message) as caught:
        match([str(folder / "a.txt"), str(folder / pattern)])
    assert repr(str(folder / pattern)) in str(caught.value)


def test_a_web_address_is_no_pattern():
    with pytest.raises(ValueError, match="--feeds"):
        match(["https://feeds.example/rss"])


def test_paths_and_uris_name_each_other(folder):
    path = str(folder / "Fähre 1%.txt")
    assert local_path(file_uri(path)) == path
    assert local_path("relative/a%20b.txt") == "relative/a%20b.txt"
    assert local_path("file://server/share") == "file://server/share"


def test_a_file_comes_with_its_modification_time_in_utc(folder):
    os.utime(folder / "a.txt", ns=(0, 1_714_564_800_123_456_789))
    with open_file(str(folder / "a.txt"), 100) as (stream, modified):
        assert stream.read() == b"The ferry is late."
    assert modified == datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)


def test_a_file_over_the_cap_is_refused(folder):
    with open_file(str(folder / "a.txt"), 18) as (stream, _):
        assert len(stream.read()) == 18
    assert reason(folder / "a.txt", max_bytes=17) == "too_large"


def reason(path, max_bytes=100) -> str:
    with pytest.raises(RejectError) as caught, open_file(str(path), max_bytes):
        pass
    assert str(path) in caught.value.message
    return caught.value.reason


def test_what_cannot_be_opened_is_unreadable(folder):
    (folder / "dangling").symlink_to(folder / "gone")
    (folder / "loop").symlink_to(folder / "loop")
    assert reason(folder / "missing.txt") == "unreadable"
    assert reason(folder / "dangling") == "unreadable"
    assert reason(folder / "loop") == "unreadable"
    assert reason(folder / "a\0.txt") == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_unreadable(folder):
    (folder / "a.txt").chmod(0)
    assert reason(folder / "a.txt") == "unreadable"


def test_only_regular_files_are_read(folder):
    os.mkfifo(folder / "pipe")
    assert reason(folder / "pipe") == "not_a_file"
    assert reason(folder / "deep") == "not_a_file"
    assert reason("/dev/zero") == "not_a_file"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        assert reason(folder / "socket") == "unreadable"

import os
import socket
from datetime import datetime, timezone

import pytest

from transforms._shared.rejects import RejectError
from transforms.read.files import file_uri, local_path, match, modified, open_file, portable


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


def test_only_a_name_that_is_not_utf8_needs_to_be_encoded_to_travel(folder):
    bad = os.fsdecode(os.fsencode(folder) + b"/F\xe4hre 1%.txt")
    assert portable(bad) == folder.as_uri() + "/F%E4hre%201%25.txt"
    assert local_path(portable(bad)) == bad
    assert portable(portable(bad)) == portable(bad)
    for source in (str(folder / "Fähre 1%.txt"), "relative.txt", "http://one.example/ä"):
        assert portable(source) == source


def test_an_error_about_a_name_that_is_not_utf8_can_be_stored(folder):
    with pytest.raises(RejectError) as caught, open_file(str(folder / "gone\udcff"), 9):
        pass
    assert r"gone\udcff" in caught.value.message.encode().decode()


def test_links_add_no_file_and_loops_end(folder):
    (folder / "deep" / "loop").symlink_to("..")
    (folder / "deep" / "self").symlink_to(".")
    (folder / "alias").symlink_to("deep")
    (folder / "0.txt").symlink_to("b.txt")
    real = ["a.txt", "b.txt", "deep/c.txt", "deep/d.html", "odd[1].txt"]
    assert names(folder, "**") == real
    assert names(folder, "**/**") == real
    assert names(folder, "**/*.html") == ["deep/d.html"]
    assert names(folder, "*/*.html", "*/*/*/*.html") == ["deep/d.html"]
    assert names(folder, "alias/*.html") == ["alias/d.html"]
    assert names(folder, "alias/**/c.txt") == ["alias/c.txt"]
    assert names(folder, "0.txt") == ["0.txt"]


def test_a_folder_that_only_a_link_leads_to_is_looked_into(folder):
    (folder / "deep" / "inner").mkdir()
    (folder / "deep" / "inner" / "e.txt").write_text("The ferry is late.")
    (folder / "base").mkdir()
    (folder / "base" / "link").symlink_to(folder / "deep")
    assert names(folder, "base/**/*.txt") == ["base/link/c.txt", "base/link/inner/e.txt"]


def test_broken_links_are_listed_each(folder):
    (folder / "one").symlink_to("gone")
    (folder / "two").symlink_to("gone")
    (folder / "three").symlink_to("three")
    (folder / "up").symlink_to(".")
    assert names(folder, "[otu]*", "up/t*") == ["odd[1].txt", "one", "three", "two"]


def test_hidden_names_and_relative_patterns_work_as_in_glob(folder, monkeypatch):
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "f.txt").write_text("The ferry is late.")
    monkeypatch.chdir(folder)
    assert match(["**/c.txt"]) == ["deep/c.txt"]
    assert match(["**"]) == ["a.txt", "b.txt", "deep/c.txt", "deep/d.html", "odd[1].txt"]
    assert match([".hidden/**"]) == [".hidden/f.txt"]


def test_a_broken_link_is_dated_by_itself_and_nothing_by_1970(folder):
    (folder / "dangling").symlink_to(folder / "gone")
    os.utime(folder / "dangling", (1, 1_714_564_800), follow_symlinks=False)
    assert modified(str(folder / "dangling")) == datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
    for path in (str(folder / "gone"), "a\0"):
        assert modified(path) == datetime(1970, 1, 1, tzinfo=timezone.utc)


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

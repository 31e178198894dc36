import subprocess
import sys
from pathlib import Path

import pytest

from transforms.write.output import OutputError, local_folder, replace_file


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("out/x", Path.cwd() / "out/x"),
        ("/data/out", Path("/data/out")),
        ("file:///data/my%20out", Path("/data/my out")),
        ("file://localhost/data", Path("/data")),
        ("./gs:x", Path.cwd() / "gs:x"),
    ],
)
def test_local_output_is_an_absolute_path(output, path):
    assert local_folder(output) == path


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("gs://bucket/out", "gs is not supported"),
        ("bigquery:project.dataset", "bigquery is not supported"),
        ("S3://bucket", "S3 is not supported"),
        ("file://host/out", "file:///path/to/folder"),
        ("file:out", "file:///path/to/folder"),
        ("  ", "empty"),
    ],
)
def test_other_output_is_refused_by_name(output, message):
    with pytest.raises(ValueError, match=message):
        local_folder(output)


def test_missing_folders_are_created(tmp_path):
    assert replace_file(tmp_path / "a/b/c", b"new")
    assert (tmp_path / "a/b/c").read_bytes() == b"new"


def test_file_that_is_right_is_left_alone(tmp_path):
    path = tmp_path / "file"
    replace_file(path, b"same")
    before = path.stat()
    assert not replace_file(path, b"same")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_same_length_with_other_bytes_is_written(tmp_path):
    path = tmp_path / "file"
    replace_file(path, b"old")
    assert replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_link_is_replaced_and_its_target_kept(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"theirs")
    link.symlink_to(target)
    replace_file(link, b"ours")
    assert target.read_bytes() == b"theirs"
    assert not link.is_symlink()


def test_path_through_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError) as raised:
        replace_file(tmp_path / "file/part", b"x")
    assert str(raised.value) == (
        f"cannot write {tmp_path}/file/part: File exists: "
        "move what is in the way or choose another folder"
    )


def test_folder_in_place_of_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "part").mkdir()
    with pytest.raises(OutputError, match="part: Is a directory: move what"):
        replace_file(tmp_path / "part", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


# In a process of its own: the limit would also hit the log this test run is written to.
WRITE_TOO_MUCH = """
import resource, sys
from pathlib import Path
from transforms.write.output import OutputError, replace_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    replace_file(Path(sys.argv[1]), b"x" * 2000)
except OutputError as error:
    print(error)
"""


def test_write_that_fails_half_way_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "file"
    replace_file(path, b"old")
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, path],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "file: File too large: raise the file size limit" in done.stdout
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]

import pytest

from transforms.write.output import OutputError
from transforms.write.removed import (
    REMOVED_FILE,
    remember_removed,
    removed_articles,
    removed_rows,
)


def test_nothing_was_removed_where_nobody_said_so(tmp_path):
    assert removed_articles(tmp_path) == frozenset()
    assert removed_rows(tmp_path) == 0


def test_articles_are_named_and_their_rows_counted(tmp_path):
    remember_removed(tmp_path, 3, ["a1", "a2"], ["a1", "a2", "a9"])
    assert removed_articles(tmp_path) == {"a1", "a2"}
    assert removed_rows(tmp_path) == 3


def test_later_removals_are_added(tmp_path):
    remember_removed(tmp_path, 2, ["a1"], ["a1", "a2"])
    remember_removed(tmp_path, 5, ["a2"], ["a1", "a2"])
    assert removed_articles(tmp_path) == {"a1", "a2"}
    assert removed_rows(tmp_path) == 7


def test_article_that_nobody_can_recognise_drops_out_and_stays_counted(tmp_path):
    remember_removed(tmp_path, 2, ["a1", "a2"], ["a1"])
    assert removed_articles(tmp_path) == {"a1"}
    remember_removed(tmp_path, 1, [], [])
    assert removed_articles(tmp_path) == frozenset()
    assert removed_rows(tmp_path) == 3


def test_removal_of_no_rows_writes_nothing(tmp_path):
    remember_removed(tmp_path, 0, [], ["a1"])
    assert not (tmp_path / REMOVED_FILE).exists()


@pytest.mark.parametrize("spoilt", [b"", b"\n", b"\xff\xfe", b"a1\na2\n", b"-3\na1\n", b"1.5\n"])
def test_spoilt_count_is_none_at_all(tmp_path, spoilt):
    (tmp_path / REMOVED_FILE).write_bytes(spoilt)
    assert removed_rows(tmp_path) == 0
    remember_removed(tmp_path, 2, ["a5"], ["a5"])
    assert removed_rows(tmp_path) == 2
    assert removed_articles(tmp_path) == {"a5"}


def test_list_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / REMOVED_FILE).mkdir()
    for look in (removed_articles, removed_rows):
        with pytest.raises(OutputError, match=REMOVED_FILE) as error:
            look(tmp_path)
        assert "\n" not in str(error.value)

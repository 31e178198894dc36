"""Which files are read when the folder has changed."""

import json

import pytest

from pipelines.report.tables import ReportError
from pipelines.serve.files import Listing, Plan, list_output, plan_update

DAY = "articles/date=2026-03-02"
ONE, TWO, THREE = (f"{DAY}/part-{n:09d}-{'0' * 32}.parquet" for n in (1, 2, 3))
MERGED = f"{DAY}/part-compact-{'1' * 32}.parquet"


def plan(present, files, replaced=None, known=None):
    present, files = frozenset(present), frozenset(files)
    return plan_update(present, frozenset(known or present), files, replaced or {})


def test_at_first_all_files_are_read():
    assert plan([], [TWO, ONE]) == Plan((ONE, TWO))


def test_at_first_what_a_merged_file_was_made_of_is_left_out():
    assert plan([], [ONE, TWO, MERGED, THREE], {MERGED: {ONE, TWO}}) == Plan((THREE, MERGED))


def test_only_new_files_are_read():
    assert plan([ONE], [ONE, TWO]) == Plan((TWO,))


def test_a_file_merged_of_known_ones_brings_nothing():
    assert plan([ONE, TWO], [MERGED], {MERGED: {ONE, TWO}}) == Plan(())
    known = {ONE, TWO, MERGED}
    assert plan([MERGED], [MERGED, THREE], {MERGED: {ONE, TWO}}, known) == Plan((THREE,))


def test_what_was_merged_may_go_later():
    replaced = {MERGED: {ONE, TWO}}
    assert plan([ONE, TWO], [ONE, TWO, MERGED], replaced) == Plan(())
    known = {ONE, TWO, MERGED}
    assert plan([ONE, TWO, MERGED], [MERGED], replaced, known) == Plan(())


def test_a_file_merged_of_known_and_unknown_ones_is_a_reason_to_begin_anew():
    assert plan([ONE], [MERGED], {MERGED: {ONE, TWO}}) == Plan((MERGED,), rebuild=True)


def test_files_that_are_gone_are_a_reason_to_begin_anew():
    assert plan([ONE, TWO], [TWO]) == Plan((TWO,), rebuild=True)


def test_the_digest_names_the_state():
    one = Listing(frozenset([ONE]), {"rounds": 1})
    assert one.digest() == Listing(frozenset([ONE]), {"rounds": 1}).digest()
    assert one.digest() != Listing(frozenset([ONE, TWO]), {"rounds": 1}).digest()
    assert one.digest() != Listing(frozenset([ONE]), {"rounds": 2}).digest()


def test_files_of_a_round_that_is_not_named_do_not_count(tmp_path):
    for name in (ONE, TWO, MERGED, f"{DAY}/.{TWO.rpartition('/')[2]}.1-0.tmp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "run.json").write_text(json.dumps({"files": [], "rounds": 1}))
    assert list_output(tmp_path).files == {ONE, MERGED}
    (tmp_path / "run.json").unlink()
    assert list_output(tmp_path).files == {ONE, TWO, MERGED}


def test_what_is_no_output_is_named(tmp_path):
    with pytest.raises(ReportError, match="no such folder"):
        list_output(tmp_path / "missing")
    with pytest.raises(ReportError, match=r"neither run\.json nor tables"):
        list_output(tmp_path)

import json
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from transforms.write import rounds as rounds_module
from transforms.write.manifest import is_being_replaced
from transforms.write.output import OutputError
from transforms.write.rounds import (
    FolderStore,
    Rounds,
    committed_files,
    letter_name,
    remove_uncommitted,
)

DAY = "articles/date=2024-05-01"
OF_A_RUN = f"{DAY}/part-{'a' * 32}.parquet"


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def put(output):
    """``put(round, ...)``: a file of each of these rounds; a name is taken as it is."""

    def put_files(*rounds):
        names = [r if isinstance(r, str) else f"{DAY}/part-{r:09d}-{'0' * 32}.parquet"
                 for r in rounds]  # fmt: skip
        for name in names:
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            (output / name).write_bytes(b"rows")
        return names

    return put_files


@pytest.fixture
def rounds(output, dim):
    """``rounds(*letters)``: with these dead letters known from before."""

    def make(*letters):
        made = Rounds(FolderStore(str(output), dim), 0, lambda: {"files": []}, letters)
        made.begin()
        return made

    return make


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(rounds_module, "_MOST_LETTERS", 3)


@pytest.fixture
def letter(make_record):
    """``letter(number, days)``: a dead letter of so many days later."""

    def make(number, days=0):
        rejected = make_record("dead_letters")
        return make_record(
            "dead_letters", key=f"k{number}",
            first_failed_at=rejected.first_failed_at + timedelta(days=days),
        )  # fmt: skip

    return make


def files_in(output):
    return sorted(p.relative_to(output).as_posix() for p in output.rglob("*.parquet"))


def test_files_of_the_round_that_was_cut_off_go(output, put):
    one, two, _ = put(1, 2, 3)
    assert remove_uncommitted(output, {"files": [], "rounds": 2}) == 1
    assert files_in(output) == [one, two]


@pytest.mark.parametrize(
    "there", [(1, 2, 3), (1, 3), (1, f"{DAY}/part-compact-{'1' * 32}.parquet", 9)]
)
def test_files_of_later_rounds_are_never_removed(output, put, there):
    put(*there)
    left = files_in(output)
    with pytest.raises(OutputError, match=r"put back the last run\.json") as error:
        remove_uncommitted(output, {"files": [], "rounds": 1})
    assert "\n" not in str(error.value)
    assert files_in(output) == left


def test_files_that_a_run_that_ends_left_go_where_it_was_cut_off(output, put):
    listed, _, compacted = put(OF_A_RUN, f"{DAY}/part-{'b' * 32}.parquet",
                               f"{DAY}/part-compact-{'1' * 32}.parquet")  # fmt: skip
    run = {"files": [OF_A_RUN], "rounds": 0}
    assert remove_uncommitted(output, run) == 0
    (output / ".unfinished").write_text("d1\n")
    assert remove_uncommitted(output, run) == 1
    assert files_in(output) == committed_files(output, run) == sorted([listed, compacted])


@pytest.mark.parametrize(
    ("mark", "run", "replaced"),
    [
        (None, {"files": [OF_A_RUN], "arguments_digest": "d1"}, False),
        ("d1", {"files": [OF_A_RUN], "arguments_digest": "d1"}, False),
        ("d2", {"files": [OF_A_RUN], "arguments_digest": "d1"}, True),
        ("d2", {"files": [], "arguments_digest": "d1"}, True),
        ("d2", {"files": [], "rounds": 3}, True),
        ("begun", {"files": [], "rounds": 0}, False),
        ("begun", {"files": [OF_A_RUN], "arguments_digest": "d1"}, True),
        ("", {"files": [OF_A_RUN], "arguments_digest": "d1"}, True),
    ],
)
def test_output_is_being_replaced_when_a_run_of_other_arguments_left_its_mark(
    output, mark, run, replaced
):
    output.mkdir()
    if mark is not None:
        (output / ".unfinished").write_text(f"{mark}\n")
    assert is_being_replaced(output, run) is replaced


def test_dead_letter_of_a_day_is_written_once(rounds, letter):
    made = rounds()
    assert [made.add("dead_letters", letter(n)) for n in (1, 2, 1, 2)] == [1, 1, 0, 0]
    assert made.add("dead_letters", letter(1, days=1)) == 1


def test_dead_letter_that_was_written_before_is_not_written_again(rounds, letter):
    known = letter(1)
    name = letter_name(
        known.stage, known.key, known.reason, known.payload_sha256, known.first_failed_at
    )
    assert rounds(name).add("dead_letters", known) == 0


def test_dead_letters_beyond_those_that_can_be_known_are_still_written(rounds, letter, output, few):
    made = rounds()
    assert [made.add("dead_letters", letter(n)) for n in range(6)] == [1] * 6
    assert [made.add("dead_letters", letter(n)) for n in range(6)] == [0, 0, 0, 1, 1, 1]
    assert made.commit().rows["dead_letters"] == 9
    (path,) = (output / "dead_letters").glob("*/part-0*")
    assert pq.read_metadata(path).num_rows == 9
    assert json.loads((output / "run.json").read_text())["rounds"] == 1


def test_dead_letters_of_earlier_days_are_forgotten_when_there_are_too_many(rounds, letter, few):
    made = rounds()
    assert [made.add("dead_letters", letter(n)) for n in range(3)] == [1] * 3
    assert [made.add("dead_letters", letter(n, days=1)) for n in (0, 1, 0, 1)] == [1, 1, 0, 0]


def test_dead_letters_that_are_known_are_sorted_out_once_a_day(rounds, letter, few):
    made = rounds()
    for n in range(5):
        made.add("dead_letters", letter(n))
    known = made._letters
    for n in range(5, 50):
        made.add("dead_letters", letter(n))
    assert made._letters is known
    assert len(known) == 3

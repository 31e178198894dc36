"""The benchmark of polling: how it replays publishing times, and that ours pays."""

import gzip
import json
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest

from benchmarks import polling
from benchmarks.polling import (
    DuplicateShare,
    Fetch,
    Fixed,
    ItemsPerWeek,
    Ours,
    main,
    measure,
    ours_with_at_most,
    read_stream,
    replay,
    synthetic,
)
from transforms.read.schedule import Bounds

START = datetime(2026, 3, 2, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def feeds():
    return synthetic(days=6)


def test_the_made_rhythm_is_the_same_again(feeds):
    assert synthetic(days=6) == feeds
    assert synthetic(days=6, seed=2) != feeds


def test_the_made_rhythm_has_slow_and_fast_feeds(feeds):
    sizes = [len(times) / 6 for times in feeds.values()]
    assert min(sizes) < 2 and max(sizes) > 200
    assert all(times == sorted(times) for times in feeds.values())


@pytest.mark.parametrize("patience", [2 * MINUTE, 30 * MINUTE])
def test_ours_is_sooner_than_fixed_polling_with_no_more_requests(feeds, patience):
    ours = measure(feeds, partial(Ours, Bounds(patience=patience)), 20)
    fixed = measure(feeds, partial(Fixed, 0.97 * DAY / ours.requests_per_day), 20)
    assert ours.requests_per_day <= fixed.requests_per_day
    assert ours.median < 0.6 * fixed.median
    assert ours.p90 < fixed.p90
    assert ours.lost <= fixed.lost


def test_patience_is_found_for_a_number_of_requests(feeds):
    few = {"feed": feeds["made-10"]}
    patience, ours = ours_with_at_most(30, few, 20)
    assert 25 < ours.requests_per_day <= 30
    assert ours == measure(few, partial(Ours, Bounds(most=DAY, patience=patience)), 20)


def test_a_replay_counts_delays_and_what_dropped_out():
    times = [START, *[START + 10 * MINUTE] * 5, START + 50 * MINUTE]
    found = replay(times, Fixed(HOUR), "feed", holds=4)
    assert found.requests == 2
    assert found.lost == 2
    assert len(found.minutes) == 4
    assert min(found.minutes) < 20 < 40 < max(found.minutes)


def test_a_replay_shows_the_policy_what_a_fetch_finds():
    seen = []

    class Watching(Fixed):
        def next(self, fetch):
            seen.append(fetch)
            return super().next(fetch)

    replay([START, START + 90 * MINUTE, START + 5 * HOUR], Watching(HOUR), "feed", holds=3)
    assert seen[0] == Fetch(START, None, 3, 3)
    assert [(fetch.entries, fetch.new) for fetch in seen[1:3]] == [(0, 0), (3, 1)]
    assert seen[1].since == START


def test_the_share_of_duplicates_moves_the_interval():
    rule = DuplicateShare()
    assert rule.next(Fetch(START, None, 20, 20)) == 6 * HOUR
    assert rule.next(Fetch(START + HOUR, START, 20, 1)) == 370 * MINUTE
    assert rule.next(Fetch(START + HOUR, START, 20, 10)) == 370 * MINUTE
    assert rule.next(Fetch(START + HOUR, START, 20, 20)) == 6 * HOUR
    assert rule.next(Fetch(START + HOUR, START, 20, 15)) == 5 * HOUR
    assert rule.next(Fetch(START + 40 * DAY, START, 0, 0)) == 6 * HOUR


def test_items_per_week_forgets_what_is_older():
    rule = ItemsPerWeek()
    assert rule.next(Fetch(START, None, 14, 14)) == DAY / 2
    assert rule.next(Fetch(START + DAY, START, 14, 14)) == DAY / 4
    assert rule.next(Fetch(START + 9 * DAY, START, 0, 0)) == DAY


def test_an_impossible_number_of_requests_is_refused(feeds):
    with pytest.raises(ValueError, match="requests a day"):
        ours_with_at_most(0.01, {"feed": feeds["made-2"]}, 20)


def _write(path, rows):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    return path


@pytest.mark.parametrize(
    "published", ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00+01:00", 1772445600, 1772445600000]
)
def test_times_may_be_text_or_numbers(tmp_path, published):
    path = _write(tmp_path / "a.jsonl.gz", [{"source": "A", "published": published}])
    assert read_stream(path, 1, 10).feeds == {"A": [START + 10 * HOUR]}


def test_what_cannot_be_used_is_left_out_and_counted(tmp_path):
    rows = [{"source": "A", "published": f"2026-03-02T1{n}:00:00Z"} for n in range(3)]
    rows += [{"source": "B", "published": "2026-03-02T10:00:00Z"}, {"source": "A"}]
    rows += [{"source": "A", "published": "yesterday"}, {"published": "2026-03-02T10:00:00Z"}]
    rows += [{"source": "A", "published": "2020-01-01T10:00:00Z"}]
    stream = read_stream(_write(tmp_path / "a.jsonl", rows), 3, 200)
    assert {source: len(times) for source, times in stream.feeds.items()} == {"A": 3}
    assert (stream.left_out, stream.made_up_hours) == (1, False)


def test_days_without_times_are_spread_over_the_day(tmp_path):
    rows = [{"source": "A", "published": "2026-03-02"} for _ in range(30)]
    path = _write(tmp_path / "a.jsonl", rows)
    stream = read_stream(path, 5, 200)
    assert stream.made_up_hours
    assert read_stream(path, 5, 200) == stream
    assert len({at.hour for at in stream.feeds["A"]}) > 8
    assert all(START <= at < START + DAY for at in stream.feeds["A"])


def test_all_tables_are_printed_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(polling, "synthetic", lambda: {"a": synthetic(2)["made-40"]})
    out = tmp_path / "out.json"
    assert main(["--json", str(out)]) == 0
    made = json.loads(out.read_text("utf-8"))["synthetic"]
    assert made["ours"] == measure(polling.synthetic(), lambda: Ours(Bounds()), 20)._asdict()
    assert set(made["others"]) == set(made["ours_with_no_more_requests"])
    assert len(made["curve"]) == 8
    printed = capsys.readouterr().out
    assert "share of duplicates" in printed and "patience" in printed


def test_a_file_is_reported_with_what_was_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(polling, "report", lambda name, feeds, holds: {"feeds": len(feeds)})
    rows = [{"source": "A", "published": "2026-03-02"} for _ in range(6)]
    path = _write(tmp_path / "a.jsonl", [*rows, {"source": "B", "published": "2026-03-02"}])
    assert main(["--rhythms", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "left out: 1 sources" in printed and "made up" in printed
    assert main(["--rhythms", str(path), "--least_items", "50"]) == 2


def test_a_missing_file_is_named(tmp_path, capsys):
    assert main(["--rhythms", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err

"""The benchmark of breaking news: what is planted, what counts as found, and its arithmetic."""

import json
import random
from datetime import timedelta

import pytest

from benchmarks.breaking import main
from benchmarks.breaking_alerts import Rises, curve, label_of
from benchmarks.breaking_output import pick, rows
from benchmarks.breaking_planting import CONTROLS, plant, without_copies
from benchmarks.breaking_replay import Look, Replay, Replayer, Trail
from benchmarks.breaking_rules import (
    OURS,
    SIMPLE,
    count_articles,
    count_families,
    measure_growth,
)
from benchmarks.breaking_set import BACKGROUND, BURST, MIXED, START, Item, Story, Stream, in_order
from benchmarks.breaking_truth import Alert, Bench, true_bursts
from schemas import Mention

ARTICLES = SIMPLE[1]


def _at(minutes):
    return START + timedelta(minutes=minutes)


def _item(name, minutes, family, label="fire", arrives=None, **changes):
    late = _at(minutes if arrives is None else arrives)
    kind = changes.pop("kind", BURST if label else BACKGROUND)
    return Item(name, name, "", family, _at(minutes), late, label, kind, **changes)


def _burst(label, begin, count=5, step=30):
    return [_item(f"{label}{n}", begin + step * n, f"f{n}", label) for n in range(count)]


def _mention(item):
    return Mention(
        article_id=item.id, revision=1, at=item.at, dated=True, published_at=item.at,
        timely=item.precise, family=item.family, role="member", unique=not item.copy,
        usual_rate=0.5, usual_rate_hours=2.0, novelty=1.0,
        language="en", title=item.title, sentences=(),
    )  # fmt: skip


def _trail(event, items, after=None):
    held = [_mention(item) for item in items]
    return Trail(event, [Look(after, max(item.arrives for item in items), held)])


def _stream(*items):
    return Stream("made", "reported", 1, in_order(items))


def _alerts(stream, trails, rule=ARTICLES, threshold=3.0):
    return Rises(Replay(stream, tuple(trails)), rule).alerts(threshold)


# What is true.


def test_five_families_within_six_hours_are_a_burst():
    assert true_bursts(_burst("fire", 0, step=90), 5, 6) == {"fire": _at(360)}
    assert not true_bursts(_burst("fire", 0, step=91), 5, 6)


def test_a_burst_may_begin_long_after_the_first_article():
    items = [_item("early", -3000, "f9"), *_burst("fire", 0)]
    assert true_bursts(items, 5, 6) == {"fire": _at(120)}


@pytest.mark.parametrize(
    "changes",
    [{"copy": True}, {"precise": False}, {"family": "f0"}, {"arrives": 1000}],
    ids=["copy", "no time of day", "same family", "late"],
)
def test_an_article_is_no_voice_if_it_is(changes):
    last = {"family": "f4", **changes}
    items = [*_burst("fire", 0, 4), _item("last", 121, **last)]
    assert not true_bursts(items, 5, 6)


def test_the_background_is_no_burst():
    assert not true_bursts([_item(f"b{n}", n, f"f{n}", "") for n in range(9)], 5, 6)


# How alerts are counted.


def _judge(items, *alerts):
    return Bench(_stream(*items)).judge([Alert(_at(m), event, label) for m, event, label in alerts])


def test_only_the_first_alert_of_a_burst_finds_it():
    judged = _judge(_burst("fire", 0), (60, "a", "fire"), (90, "b", "fire"), (95, "c", "fire"))
    assert len(judged.found) == 1
    assert judged.repeats == 2
    assert not judged.false


def test_delay_is_counted_on_the_articles_of_the_label():
    copy = _item("copy", 31, "f7", copy=True)
    (found,) = _judge([*_burst("fire", 0), copy], (60, "a", "fire")).found
    assert (found.articles, found.families, found.own, found.minutes) == (4, 4, 3, 60.0)


def test_alerts_of_what_is_no_burst_are_false_by_kind():
    items = [*_burst("fire", 0), _item("s", 0, "f1", "flood", kind="slow"), _item("b", 0, "f", "")]
    judged = _judge(items, (1, "a", "flood"), (2, "b", ""), (3, "c", MIXED))
    assert judged.false == {"slow": 1, "background": 1, "mixed": 1}
    assert judged.missed == ["fire"]


def test_an_alert_a_day_after_the_burst_does_not_find_it():
    judged = _judge(_burst("fire", 0), (120 + 1441, "a", "fire"))
    assert judged.false == {"too late": 1}
    assert judged.missed == ["fire"]


def test_rates_are_per_day_and_repeats_are_false():
    items = [*_burst("fire", 0), _item("end", 2880, "f", "")]
    figures = _judge(items, (60, "a", "fire"), (70, "b", "fire"), (80, "c", "")).figures()
    assert figures["recall"] == 1.0
    assert figures["false_per_day"] == pytest.approx(1.0)
    assert figures["repeats_per_day"] == pytest.approx(0.5)
    assert figures["by_third_family"] == 1.0


def test_an_event_is_of_the_label_that_most_of_its_articles_have():
    assert label_of(["fire", "fire", "flood"]) == "fire"
    assert label_of(["fire", "flood"]) == MIXED
    assert label_of(["", "", "flood"]) == ""


# When a rule alerts.


def test_a_rule_alerts_at_the_first_instant_that_reaches_its_threshold():
    items = _burst("fire", 0)
    stream, trails = _stream(*items), [_trail("a", items)]
    assert _alerts(stream, trails) == [Alert(_at(60), "a", "fire")]
    assert _alerts(stream, trails, threshold=6.0) == []


def test_an_alert_is_not_before_its_articles_arrived():
    items = [_item(f"a{n}", n, f"f{n}", arrives=500) for n in range(3)]
    assert _alerts(_stream(*items), [_trail("a", items)]) == [Alert(_at(500), "a", "fire")]


def test_instants_long_before_the_last_look_are_not_looked_at_again():
    items = _burst("fire", 0, 3)
    assert _alerts(_stream(*items), [_trail("a", items, after=_at(60 + 361))]) == []


def _merged(younger_items, older_items, merged_at):
    younger, older = _trail("young", younger_items), _trail("old", older_items)
    younger.merged_into, younger.merged_at = "old", _at(merged_at)
    return [older, younger]


def test_an_event_that_took_over_an_alert_gives_no_other():
    items = _burst("fire", 0)
    trails = _merged(items[:3], items, 61)
    assert [alert.event for alert in _alerts(_stream(*items), trails, threshold=3.0)] == [
        "old", "young",
    ]  # fmt: skip
    later = [_item(f"x{n}", 100 + n, f"g{n}") for n in range(3)]
    trails = _merged(items[:3], later, 61)
    assert [alert.event for alert in _alerts(_stream(*items, *later), trails)] == ["young"]


def test_simple_rules_measure_what_they_say():
    mentions = [
        _mention(_item(f"a{n}", minutes, "f")) for n, minutes in enumerate((0, 20, 50, 70, 71, 72))
    ]
    assert [moment.score for moment in count_articles(mentions)] == [1, 2, 3, 4, 5, 6]
    assert [moment.score for moment in count_families(mentions)] == [1] * 6
    growth = [moment.score for moment in measure_growth(mentions)]
    assert growth == [1, 1, 1, 1, 2, 3]


def test_families_are_counted_without_copies_and_for_six_hours():
    items = [*_burst("fire", 0, 3, step=180), _item("copy", 361, "f9", copy=True)]
    told = count_families([_mention(item) for item in items])
    assert [moment.score for moment in told] == [1, 2, 2]


def test_growth_is_measured_against_the_hour_before():
    busy = [_mention(_item(f"a{n}", 7 * n, "f")) for n in range(9)]  # nine in an hour
    *_, last = measure_growth(busy)
    assert last.score == pytest.approx(3 / (6 / 4))


def test_a_curve_counts_several_streams_together():
    items = _burst("fire", 0)
    stream = _stream(*items)
    replay = Replay(stream, (_trail("a", items),))
    rises, bench = Rises(replay, ARTICLES), Bench(stream)
    told = {row["threshold"]: row for row in rows(curve([rises] * 2, [bench] * 2, ARTICLES))}
    assert (told[3.0]["bursts"], told[3.0]["found"]) == (2, 2)
    assert told[3.0]["articles_median"] == 3
    assert told[4.0]["by_third_family"] == 0.0
    assert told[6.0]["recall"] == 0.0


def test_the_threshold_that_finds_most_is_the_strictest_of_equals():
    told = [
        {"threshold": 1, "false_per_day": 1.5, "found": 9},
        {"threshold": 2, "false_per_day": 1.0, "found": 7},
        {"threshold": 3, "false_per_day": 0.5, "found": 7},
        {"threshold": 4, "false_per_day": 0.0, "found": 2},
    ]
    assert pick(told)["threshold"] == 3
    assert pick(told[:1]) is None


# The sets. Stories are invented: each has words of its own, each text some of them.


def _stories(prefix, stories, texts, seed=1):
    rng = random.Random(f"{prefix}{seed}")
    made = []
    for number in range(stories):
        words = [f"{prefix}{number}word{n}" for n in range(40)]
        for text in range(texts):
            body = " ".join(rng.sample(words, 30))
            title = " ".join(rng.sample(words, 8)).capitalize()
            made.append(
                Story(
                    f"{prefix}-{number}-{text}", title, body.capitalize() + ".",
                    f"{prefix} paper {rng.randrange(60)}", "2026-01-02", f"{prefix}{number}",
                )
            )  # fmt: skip
    return made


def _clusters(prefix, stories, texts):
    made = _stories(prefix, stories, texts)
    return [made[at : at + texts] for at in range(0, len(made), texts)]


def _planted(seed=1):
    clusters = [*_clusters("l", 10, 6), *_clusters("m", 6, 4), *_clusters("s", 4, 1)]
    clusters += _clusters("p", 4, 2)
    return plant("reported", _stories("behind", 200, 1), clusters, seed)


def _of_kind(stream, kind):
    events = {}
    for item in stream.items:
        if item.kind == kind:
            events.setdefault(item.label, []).append(item)
    return list(events.values())


def test_the_same_seed_plants_the_same():
    assert _planted() == _planted()
    assert _planted() != _planted(2)


def test_all_kinds_are_planted_and_only_bursts_are_bursts():
    stream = _planted()
    assert {item.kind for item in stream.items} == {BACKGROUND, BURST, *CONTROLS}
    assert set(true_bursts(stream.items, 5, 6)) == {e[0].label for e in _of_kind(stream, BURST)}


def test_controls_are_what_they_are_called():
    stream = _planted()
    assert all(len({i.family for i in event}) == 1 for event in _of_kind(stream, "series"))
    assert all(len({i.family for i in event}) == 2 for event in _of_kind(stream, "coincidence"))
    for event in _of_kind(stream, "wire"):
        assert sum(not item.copy for item in event) == 1
        assert len({item.family for item in event}) >= 10
        assert event[-1].at - event[0].at <= timedelta(hours=1)
    for event in _of_kind(stream, "backfill"):
        assert len({item.arrives for item in event}) == 1
        assert all(i.arrives - i.at >= timedelta(hours=12) for i in event)


def test_texts_that_share_much_are_not_planted_as_two():
    first, second = _stories("x", 2, 1)
    copy = first._replace(id="copy", text=first.text + " And more.")
    assert without_copies([first, copy, second]) == [first, second]


# The replay.


def test_a_replay_ends_with_every_article_in_one_event(fake_encoder, tmp_path):
    stream = _planted()
    replay = Replayer(fake_encoder, tmp_path).play(stream)
    alive = [trail for trail in replay.trails if not trail.merged_into and trail.looks]
    held = [told.article_id for trail in alive for told in trail.looks[-1].mentions]
    assert len(held) == len(set(held)) == len(stream.items)
    again = Replayer(fake_encoder, tmp_path).play(stream)  # from the folder
    assert again.trails == replay.trails


def test_an_event_in_order_is_looked_at_in_one_go(fake_encoder):
    replay = Replayer(fake_encoder, None).play(_planted())
    seen = [trail for trail in replay.trails if not trail.merged_into]
    assert sum(len(trail.looks) for trail in seen) < 1.2 * len(seen)


# The command.


def _write(path, stories):
    path.parent.mkdir(exist_ok=True)
    lines = (json.dumps({**story._asdict(), "lang": "en", "url": ""}) for story in stories)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


@pytest.fixture
def folder(tmp_path):
    """The files of all sets, small and invented."""
    times = [f"2026-01-01T{10 + n // 12}:{n % 12 * 5:02}:00+00:00" for n in range(36)]
    headlines = _stories("u", 6, 6)
    _write(
        tmp_path / "eval" / "uci_headlines.jsonl",
        [story._replace(published=at, text="") for story, at in zip(headlines, times)],
    )
    for name in ("ecb_train", "gva_train", "ecb_dev", "gva_dev", "wikinews_a"):
        _write(
            tmp_path / "eval" / f"{name}.jsonl", _stories(name, 4, 6) + _stories(name + "s", 4, 2)
        )
    _write(tmp_path / "eval" / "allsides2021_first.jsonl", _stories("as", 6, 3))
    _write(tmp_path / "stream" / "abp_2018_2020.jsonl", _stories("b", 60, 1))
    return tmp_path


def _run(folder, encoder, name, *options):
    out, moments = folder / f"{name}.json", folder / f"{name}.jsonl"
    arguments = ["--folder", str(folder), "--seeds", "1", *options]
    assert main([*arguments, "--json", str(out), "--moments", str(moments)], encoder) == 0
    return out.read_text(), moments.read_text()


def test_the_benchmark_runs_and_says_the_same_again(folder, fake_encoder, capsys):
    first = _run(folder, fake_encoder, "first")
    said = capsys.readouterr().out
    assert _run(folder, fake_encoder, "second", "--cache", str(folder / "cache")) == first
    assert capsys.readouterr().out == said
    assert "== planted, reported" in said
    result = json.loads(first[0])
    assert set(result["planted, reported"]["rules"]) == {OURS.name, *(r.name for r in SIMPLE)}


def test_moments_tell_what_is_true_of_them(folder, fake_encoder):
    _, written = _run(folder, fake_encoder, "m", "--sets", "planted", "--seeds", "1,2")
    told = [json.loads(line) for line in written.splitlines()]
    assert {row["set"] for row in told} == {"planted/development/1", "planted/development/2"}
    assert all(row["kind"] == BURST for row in told if row["true"])
    assert any(row["true"] for row in told)
    assert all(row["reasons"] for row in told)


def test_day_precise_dates_never_alert(folder, fake_encoder):
    told, _ = _run(folder, fake_encoder, "days", "--sets", "allsides2021")
    (curves,) = (part["rules"]["ours"]["curves"] for part in json.loads(told).values())
    assert all(row["false_per_day"] == 0 for curve in curves.values() for row in curve)


def test_a_missing_file_is_named(folder, fake_encoder, capsys):
    (folder / "stream" / "abp_2018_2020.jsonl").unlink()
    assert main(["--folder", str(folder), "--sets", "planted"], fake_encoder) == 2
    assert "abp_2018_2020.jsonl.gz: no such file" in capsys.readouterr().err

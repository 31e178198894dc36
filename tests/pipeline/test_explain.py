"""``python -m pipelines.explain``: why an article is in its event, and what an event holds."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len

from pipelines.explain.__main__ import main
from pipelines.explain.channels import meaning
from pipelines.report import load_view
from schemas import (
    Article,
    Assignment,
    ChannelReading,
    ComparedArticle,
    DuplicateVerdict,
    EmbeddedArticle,
    Event,
    EventChange,
    Left,
)
from schemas.ids import article_id, event_id
from schemas.tables import EVENT_ARTICLES
from transforms.cluster.judgement import SHOWN
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES

ROOT = Path(__file__).parents[2]
DIM = 2
VECTOR = np.array([1.0, 0.0], dtype="<f4").tobytes()
MODEL = "tiny@0123#2"
START = datetime(2026, 3, 2, 6, tzinfo=timezone.utc)
HOSTILE = "Harbour \x1b[31mfire\x07\u202e \x9b2J" + "\u706b\u4e8b" * 80
NEW_COLUMNS = {
    "left_at", "contested", "threshold", "best_event_id", "best_score", "second_event_id",
    "second_score", "channels",
}  # fmt: skip


def address(name):
    return f"https://{name}.example/story"


def article_of(name):
    return article_id(address(name), "")


def event_of(name):
    return event_id(article_of(name))


def article(name, minutes=0, **changes):
    at = START + timedelta(minutes=minutes)
    made = Article(
        key=address(name), article_id=article_of(name), revision=1, url=address(name),
        canonical_url=address(name), source_name=f"The {name}", domain=f"{name}.example",
        publisher_family=f"{name}.example", origin_publisher="", feed_url="", input_kind="rss",
        title=f"Story {name}", description="", body="Text.", quoted="", authors=(), image_url="",
        language="en", language_confidence=1.0, word_count=1, published_at=at,
        published_at_source="feed", published_at_precision="second", published_at_flag="ok",
        first_seen_at=at, event_time=at, time_known=True, extraction_method="feed",
        access_state="open", content_hash="c",
    )  # fmt: skip
    return replace(made, **changes)


def assignment(made, event, role="member", score=1.0, verdict=None, **changes):
    verdict = verdict or DuplicateVerdict("none", "", 0.0, "")
    compared = ComparedArticle(EmbeddedArticle(made, VECTOR, MODEL), verdict, ())
    return replace(Assignment(compared, event_of(event), role, score, "as told", False), **changes)


def event(name, **changes):
    made = Event(
        event_id=event_of(name), revision=1, status="active", merged_into="",
        title=f"Event {name}", summary="", summary_article_ids=(), representative_article_id="",
        keywords=(), entities=(), languages=(), first_published_at=START, first_seen_at=START,
        last_seen_at=START + timedelta(hours=1), updated_at=START, article_count=3,
        unique_article_count=2, duplicate_count=1, publisher_family_count=2, source_diversity=1.0,
        articles_15m=0, articles_60m=0, families_60m=0, counts_as_of=START, breaking_state="none",
        breaking_since=None, breaking_score=0.0, breaking_reasons=(), alert_id="",
        cohesion_mean=1.0,
        cohesion_min=1.0, contested=False, novelty=0.5, centroid=VECTOR, embedding_model=MODEL,
    )  # fmt: skip
    return replace(made, **changes)


def write(folder, assignments, events, changes=(), notices=()):
    records = {
        "articles": assignments,
        "events": events,
        "event_articles": assignments,
        "event_changes": changes,
        "dead_letters": (),
        "sightings": (),
        "fetch_log": (),
        "alerts": (),
        "article_notices": notices,
    }
    for name, source in ROW_SOURCES.items():
        rows = [row for record in records[name] for row in source.rows(record)]
        table = ParquetFolder(folder, source.table, DIM)
        assert table.write(rows) if rows else table.write_empty()
    return folder


JOINED = assignment(
    article("mill", 10),
    "dock",
    score=0.89,
    contested=True,
    evidence="joins by names",
    threshold=0.22,
    best_event_id=event_of("dock"),
    best_score=0.89,
    second_event_id=event_of("ship"),
    second_score=0.125,
    channels=(
        ChannelReading("numbers_best", 0.25, 0.5),
        ChannelReading("names_best", 0.75, 0.125),
        ChannelReading("dense_best", 0.5, 0.25),
    ),
)
COPIED = assignment(
    article("echo", 20),
    "dock",
    "duplicate",
    0.97,
    DuplicateVerdict("near_verbatim", article_of("mill"), 0.97, "97 of 100 3-grams"),
)
APART = assignment(
    article("ship", 5),
    "ship",
    "seed",
    threshold=0.22,
    best_event_id=event_of("dock"),
    best_score=0.03,
    channels=(ChannelReading("names_best", 0.0625, 0.0),),
)
MOVED = assignment(
    article("quay", 30),
    "dock",
    "seed",
    earlier=(
        Left(event_of("quay"), START + timedelta(hours=2), "the two turned out one", True, 1.0),
    ),
)
SEED = assignment(article("dock"), "dock", "seed")
UPDATE = assignment(article("mill", 50, revision=2, title="Mill now"), "dock", "update")
EVENTS = (
    event("dock"),
    event("ship"),
    event("quay", status="merged", merged_into=event_of("dock"), article_count=1),
)
CHANGES = (
    EventChange("c1", "org.newsevents.event.created", event_of("dock"), START, "{}"),
    EventChange(
        "c2", "org.newsevents.event.merged", event_of("quay"), START + timedelta(hours=2), "{}"
    ),
)


@pytest.fixture
def output(tmp_path):
    return write(tmp_path / "out", (SEED, APART, JOINED, COPIED, MOVED, UPDATE), EVENTS, CHANGES)


@pytest.fixture
def explain(capsys, output):
    """``explain(name, *flags, folder=...)``: give what is printed; it is never too wide."""

    def run(name, *flags, folder=output):
        code = main(["--output", str(folder), name, *flags])
        printed, said = capsys.readouterr()
        assert (code, said) == (0, "")
        if "--json" in flags:
            return json.loads(printed)
        assert max(map(cell_len, printed.splitlines())) <= 100
        return printed

    return run


@pytest.fixture
def refused(capsys, output):
    """``refused(code, name, folder=...)``: give the one line that says why."""

    def run(code, *arguments, folder=output):
        assert main(["--output", str(folder), *arguments]) == code
        printed, said = capsys.readouterr()
        assert (printed, said.count("\n")) == ("", 1)
        assert said.startswith("newsevents: ")
        return said

    return run


def old(folder):
    """Take out of every file what an older version did not write."""
    for path in (folder / "event_articles").rglob("*.parquet"):
        table = pq.read_table(path, partitioning=None)
        pq.write_table(table.drop_columns(sorted(NEW_COLUMNS)), path)


def table_of(printed):
    lines = printed.splitlines()
    start = next(n for n, line in enumerate(lines) if line.split()[:1] == ["channel"])
    end = next(n for n, line in enumerate(lines) if line.startswith("  Each is the greatest"))
    return [line.split()[:4] for line in lines[start + 1 : end]]


def test_article_says_what_it_is_and_where(explain):
    printed = explain(article_of("mill"))
    assert printed.startswith(f"Mill now\n  article     {article_of('mill')}, revision 2\n")
    assert "source      The mill (mill.example)" in printed
    assert "time        2 Mar 2026, 06:50 UTC, published (from feed)" in printed
    assert f"event       Event dock\n              {event_of('dock')}, active\n" in printed
    assert "later       2 Mar 2026, 06:50 UTC, revision 2 followed" in printed


def test_member_says_its_probability_and_the_second_best_event(explain):
    printed = explain(article_of("mill"))
    assert "Joined its event: probability 0.890, 0.220 needed.\nContested: " in printed
    assert f"second best Event ship ({event_of('ship')})" in printed
    assert "probability 0.125; the best leads by 0.765" in printed
    assert "evidence    joins by names" in printed


def test_channels_are_sorted_by_difference(explain):
    assert table_of(explain(article_of("mill"))) == [
        ["names_best", "0.750", "0.125", "+0.625"],
        ["dense_best", "0.500", "0.250", "+0.250"],
        ["numbers_best", "0.250", "0.500", "-0.250"],
    ]


def test_every_channel_says_what_it_measures(explain):
    assert all(meaning(name) for name in SHOWN)
    assert (meaning("of_another_version"), meaning("bogus_best")) == ("", "")
    assert "   cosine: names\n" in explain(article_of("mill"))


def test_seed_says_how_far_the_nearest_event_was(explain):
    printed = explain(article_of("ship"))
    assert "Opened its own event because the nearest was not near enough" in printed
    assert ": probability 0.030, 0.220 needed." in printed
    assert f"nearest     Event dock ({event_of('dock')})" in printed
    assert "second best none: no other event was near" in printed
    assert table_of(printed) == [["names_best", "0.062", "–", "–"]]


def test_seed_without_any_candidate_says_so(explain):
    assert "because no earlier event was near." in explain(article_of("dock"))


def test_guard_that_kept_an_article_out_is_told(explain, tmp_path):
    kept_out = replace(APART, best_score=0.5, evidence="numbers differ")
    printed = explain(
        article_of("ship"), folder=write(tmp_path / "guard", (SEED, kept_out), EVENTS)
    )
    assert "although one was near (probability 0.500, 0.220 needed): a guard forbade it" in printed
    assert "evidence    numbers differ" in printed


def test_member_below_the_threshold_is_told(explain, tmp_path):
    weak = replace(JOINED, score=0.1)
    printed = explain(article_of("mill"), folder=write(tmp_path / "weak", (weak,), EVENTS))
    assert "although its probability 0.100 is below the 0.220 needed" in printed


def test_copy_names_its_original(explain):
    printed = explain(article_of("echo"))
    assert "Joined its event with the article it copies, see the copy check." in printed
    check = " ".join(printed.rpartition("copy check")[2].split())
    assert check == (
        f"Nearly word for word the same as Mill now ({article_of('mill')}), overlap 0.970; "
        "97 of 100 3-grams"
    )


def test_article_says_which_event_it_left(explain):
    printed = explain(article_of("quay"))
    assert f"event       Event dock\n              {event_of('dock')}, active" in printed
    assert f"before      in Event quay ({event_of('quay')})\n" in printed
    assert "until 2 Mar 2026, 08:00 UTC: the two turned out one" in printed
    assert (
        "role member Opened its own event because no earlier event was near. "
        "Then it came to the event it is in, see below."
    ) in " ".join(printed.split())


def test_article_of_a_merged_event_names_the_survivor(explain, tmp_path):
    stayed = replace(MOVED, event_id=event_of("quay"), earlier=())
    printed = explain(article_of("quay"), folder=write(tmp_path / "m", (SEED, stayed), EVENTS))
    assert f"{event_of('quay')}, merged\n" in printed
    assert f"now part of Event dock ({event_of('dock')})" in printed


def test_event_lists_its_articles(explain):
    printed = explain(event_of("dock"))
    assert "Members (4): seed first, then by time" in printed
    listed = printed.partition("title and evidence\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()][:-1] == [
        article_of(name)[:8] for name in ("dock", "mill", "quay", "mill")
    ]
    assert listed.endswith("? contested: the probability lay close to the threshold")
    assert "articles    3, 1 of them copies; publishers: 2" in printed
    assert "history     created 2 Mar 2026, 06:00 UTC" in printed


def line_of(printed, name):
    return [line for line in printed.splitlines() if line.startswith(f"  {article_of(name)[:8]} ")]


def test_member_is_one_line_with_its_numbers(explain):
    first, second = line_of(explain(event_of("dock")), "mill")
    assert first.split()[1:7] == ["03-02", "06:10", "member", "0.890", "+0.765", "?"]
    assert first.endswith("names_best +0.625")
    assert second.split()[3:5] == ["update", "1.000"]


def test_copy_and_merge_are_told_apart(explain):
    printed = explain(event_of("dock"))
    copies = printed.partition("Copies (1)")[2]
    assert f"of {article_of('mill')[:8]}; " in line_of(copies, "echo")[0]
    assert f"Merged into this one (1)\n  Event quay ({event_of('quay')}), 2 Mar 2026, 08" in printed


def test_merged_event_names_its_survivor_and_who_left(explain):
    printed = explain(event_of("quay"))
    assert f"now part of Event dock ({event_of('dock')})" in printed
    assert "left 03-02 08:00" in line_of(printed.partition("Left (1)")[2], "quay")[0]


def test_merges_in_a_circle_end(explain, tmp_path):
    pair = [
        event("dock", status="merged", merged_into=event_of("ship")),
        event("ship", status="merged", merged_into=event_of("dock")),
    ]
    printed = explain(event_of("dock"), folder=write(tmp_path / "circle", (SEED,), pair))
    assert f"{event_of('dock')}, merged" in printed


@pytest.mark.parametrize("name", ["mill", "dock"])
def test_files_of_an_older_version_are_explained_by_their_evidence(name, explain, output):
    old(output)
    printed = explain(article_of(name))
    assert "Written by an older version: no channels kept." in printed
    assert "channel " not in printed
    assert "written by an older version: no channels kept" in explain(event_of("dock"))


def test_old_and_new_files_stand_side_by_side(explain, output):
    old(output)
    late = assignment(article("late", 99), "dock", channels=JOINED.channels)
    rows = ROW_SOURCES["event_articles"].rows(late)
    ParquetFolder(output, EVENT_ARTICLES, DIM).write(rows)
    first, _ = line_of(explain(event_of("dock")), "mill")
    assert first.split()[4:6] == ["0.890", "–"]
    assert line_of(explain(event_of("dock")), "late")


def test_report_reads_files_of_both_versions(output):
    new = load_view(str(output))
    old(output)
    assert load_view(str(output)) == new


def test_folder_without_memberships_is_explained_from_the_articles(explain, output):
    for path in (output / "event_articles").rglob("*.parquet"):
        path.unlink()
    printed = explain(article_of("ship"))
    assert "role        –" in printed
    assert "evidence    as told" in printed


def test_json_says_the_same(explain):
    found = explain(article_of("mill"), "--json")
    decision = found["decision"]
    assert (found["kind"], found["article_id"]) == ("article", article_of("mill"))
    assert (decision["score"], decision["threshold"], decision["margin"]) == (0.89, 0.22, 0.765)
    assert decision["second"]["event"]["title"] == "Event ship"
    assert decision["at"] == "2026-03-02T06:10:00Z"
    assert decision["channels"][0] == {
        "name": "numbers_best", "best": 0.25, "second": 0.5, "difference": -0.25,
    }  # fmt: skip
    held = explain(event_of("dock"), "--json")
    assert (held["kind"], len(held["members"]), len(held["copies"])) == ("event", 4, 1)
    assert held["absorbed"][0]["event"]["event_id"] == event_of("quay")


@pytest.mark.parametrize("strange", [math.nan, math.inf, 1e30])
def test_strange_numbers_do_no_harm(strange, explain, tmp_path):
    odd = replace(
        JOINED, second_score=strange, channels=(ChannelReading("names_best", strange, 0.0),)
    )
    folder = write(tmp_path / "odd", (SEED, odd), EVENTS)
    assert table_of(explain(article_of("mill"), folder=folder))
    explain(event_of("dock"), folder=folder)
    explain(article_of("mill"), "--json", folder=folder)


def test_hostile_text_is_shown_harmless(explain, tmp_path):
    made = article("mill", title=HOSTILE, source_name="\x1b]0;x\x07", url=f"{address('mill')}\n")
    evil = assignment(
        made,
        "dock",
        evidence=HOSTILE,
        channels=(ChannelReading("a\x1b[2J\n" + "b" * 300, 0.5, 0.0),),
        best_event_id=event_of("dock"),
    )
    folder = write(tmp_path / "evil", (evil,), (event("dock", title=HOSTILE, status="\x1b"),))
    for name in (article_of("mill"), event_of("dock")):
        printed = explain(name, folder=folder)
        assert all(char.isprintable() for line in printed.splitlines() for char in line)
        assert json.dumps(explain(name, "--json", folder=folder)).isascii()


@pytest.mark.parametrize(
    "name",
    [
        article_of("mill")[:6],
        article_of("mill").upper(),
        f" {article_of('mill')} ",
        address("mill"),
        "http://www.mill.example/story?utm_source=x#top",
        "mill.example/story",
    ],
)
def test_article_is_found_by_any_of_its_names(name, explain):
    assert f"article     {article_of('mill')}," in explain(name)


def test_event_is_found_by_a_prefix(explain):
    assert explain(event_of("ship")[:7]).startswith("Event ship\n")


def test_unknown_name_is_refused(refused, output):
    assert f"{output}: no article or event aaaaaaaa; take its id" in refused(1, "aaaaaaaa")
    assert "no article or event https://no.example/" in refused(1, "https://no.example/\x1b[2J")


def test_ambiguous_prefix_lists_at_most_ten(refused, tmp_path):
    ids = [f"aaaaaa{letter}" for letter in "bcdefghijklm"]
    many = [assignment(article("mill", article_id=one), "dock") for one in ids]
    said = refused(1, "aaaaaa", folder=write(tmp_path / "many", many, EVENTS))
    assert "aaaaaa may be article aaaaaab, article aaaaaac" in said
    assert said.count("article aaaaaa") == 10
    assert said.endswith("and 2 more; give more of the id\n")


def test_whole_id_wins_over_longer_ones(explain, tmp_path):
    two = [assignment(article("mill", article_id=one), "dock") for one in ("aaaaaa", "aaaaaab")]
    assert "article     aaaaaa, rev" in explain("aaaaaa", folder=write(tmp_path / "t", two, EVENTS))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["abcde"], "'abcde' is too short: give at least 6 characters of an id"),
        ([], "required: ARTICLE_OR_EVENT"),
        (["abcdef", "--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_wrong_usage_is_status_2(arguments, words, refused):
    assert words in refused(2, *arguments)


def test_folder_that_cannot_be_explained_is_refused(refused, tmp_path):
    nowhere, empty = tmp_path / "nowhere", tmp_path / "empty"
    empty.mkdir()
    name = article_of("mill")
    assert f"{nowhere}: no such folder; give the --output of" in refused(1, name, folder=nowhere)
    assert f"{empty}: holds no Parquet files in articles/ and events/" in refused(
        1, name, folder=empty
    )
    assert "gs://bucket/out: a report reads local folders only" in refused(
        1, name, folder="gs://bucket/out"
    )


@pytest.mark.parametrize("table", ["articles", "event_articles"])
@pytest.mark.parametrize("keep", [0, 20])
def test_damaged_file_is_named(table, keep, refused, output):
    path = sorted((output / table).rglob("*.parquet"))[0]
    path.write_bytes(path.read_bytes()[:keep])
    said = refused(1, article_of("mill"))
    assert f"{path}: not a readable Parquet file" in said
    assert "delete it and run detect_events again" in said


def test_page_damaged_inside_is_named(refused, output):
    path = sorted((output / "event_articles").rglob("*.parquet"))[0]
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 400 + content[404:])
    assert str(path) in refused(1, article_of("mill"))


def test_interrupted_run_is_told(explain, output):
    (output / ".unfinished").write_text("")
    assert "A run is still going on here or was interrupted." in explain(article_of("mill"))
    assert explain(article_of("mill"), "--json")["unfinished_run"]


def test_reader_that_stops_early_is_no_error(tmp_path):
    many = [assignment(article(f"n{n}", n), "dock") for n in range(2000)]
    folder = write(tmp_path / "many", many, EVENTS)
    command = [sys.executable, "-m", "pipelines.explain", "--output", folder, event_of("dock")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0

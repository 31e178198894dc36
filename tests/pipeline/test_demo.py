"""The sample input, run once, against the truth that was decided when it was written."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import lxml.html
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

from schemas.tables import TABLES
from transforms._shared.urls import canonical_url

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
DEMO = DATA / "demo"
TRUTH = json.loads((DATA / "demo_expected.json").read_text(encoding="utf-8"))
ITEMS = {item["key"]: item for item in TRUTH["items"]}
COPY_KINDS = {
    "same_body_other_headline": "exact_text",
    "added_local_lead": "near_verbatim",
    "cut_to_first_paragraphs": "contained",
}
# The truth says what the thing is, the dead letter what it is not.
REASONS = {"error_page": "not_a_feed"}
BREAKS = "port-ellery-warehouse-fire"


def items(role, condition=lambda item: True):
    found = [item for item in TRUTH["items"] if item["role"] == role and condition(item)]
    assert found
    return found


def ids(chosen):
    return [item["key"] for item in chosen]


def names(item, row):
    """Say whether an article row is this item of the truth."""
    if "url" in item:
        same = row["canonical_url"] == canonical_url(item["url"])
        return same and row["revision"] == item.get("revision", 1)
    return row["url"].endswith(f"/{item['file']}")


def rows_of(item, demo):
    return [row for row in demo.rows("articles") if names(item, row)]


def row_of(item, demo):
    (row,) = rows_of(item, demo)
    return row


def event_row(event, demo):
    """Find the row of the event that holds the articles of a truth event."""
    member = next(item for item in TRUTH["items"] if item.get("event") == event)
    event_id = row_of(member, demo)["event_id"]
    (row,) = [row for row in demo.rows("events") if row["event_id"] == event_id]
    return row


@pytest.mark.parametrize("item", items("article"), ids=ids(items("article")))
def test_article_has_one_row_with_the_facts_of_its_source(item, demo):
    row = row_of(item, demo)
    assert row["language"] == item["lang"]
    assert row["revision"] == 1
    assert row["title"]
    if item["published"] is None:
        assert row["published_at_source"] in ("file_mtime", "none")
        assert (row["published_at"] is None) == (row["published_at_source"] == "none")
        return
    said = datetime.fromisoformat(item["published"])
    assert row["published_at"] == row["event_time"] == said.replace(tzinfo=timezone.utc)
    assert row["published_at_flag"] == "ok"
    assert (row["published_at_precision"] == "day") == (len(item["published"]) == 10)
    assert (row["published_at_source"] == "text") == (item.get("published_where") == "text")


@pytest.mark.parametrize("item", items("repeat"), ids=ids(items("repeat")))
def test_repeat_has_no_row_beside_its_article(item, demo):
    found = rows_of(item, demo) + rows_of(ITEMS[item["repeat_of"]], demo)
    assert len({(row["article_id"], row["revision"]) for row in found}) == 1


@pytest.mark.parametrize("item", items("rejected"), ids=ids(items("rejected")))
def test_rejected_item_is_a_dead_letter_that_says_why(item, demo):
    (letter,) = [row for row in demo.rows("dead_letters") if row["key"].endswith(item["key"])]
    assert letter["reason"] == REASONS.get(item["reason"], item["reason"])
    assert letter["error"] and "\n" not in letter["error"]
    assert not rows_of(item, demo) or item["reason"] == "truncated_feed"


def test_every_row_is_an_item_of_the_truth(demo):
    articles = [item for item in TRUTH["items"] if item["role"] != "rejected"]
    for row in demo.rows("articles"):
        assert any(names(item, row) for item in articles), row["url"]
    assert len(demo.rows("articles")) == TRUTH["counts"]["articles"]
    assert len(demo.rows("dead_letters")) == TRUTH["counts"]["rejected"]


def test_counts_add_up_and_are_those_of_the_truth(demo):
    counts = demo.run["counts"]
    wanted = ("read", "articles", "repeats", "rejected", "events")
    assert {name: counts[name] for name in wanted} == {n: TRUTH["counts"][n] for n in wanted}
    assert counts["read"] == counts["articles"] + counts["repeats"] + counts["rejected"]
    assert counts["stages"]["read"]["in"] == TRUTH["counts"]["files"]
    assert sum(counts["rejected_by_reason"].values()) == counts["rejected"]


def test_run_summary_counts_the_rows_of_each_table(demo):
    written = demo.run["counts"]["stages"]["write"]
    assert {name: len(rows) for name, rows in demo.tables().items()} == {
        table.name: written.get(f"rows_{table.name}", 0) for table in TABLES
    }


def test_run_summary_lists_exactly_the_files_there_are(demo):
    found = {path.relative_to(demo.path).as_posix() for path in demo.path.rglob("*.parquet")}
    assert set(demo.run["files"]) == found
    shown = [path for path in demo.path.iterdir() if path.is_file() and path.name[0] != "."]
    assert {path.name for path in shown} == {
        "report.html",
        "run.json",
    }


@pytest.mark.parametrize("event", TRUTH["events"])
def test_event_holds_exactly_its_articles(event, demo):
    wanted = [item for item in TRUTH["items"] if item.get("event") == event]
    wanted = {
        (row["article_id"], row["revision"]) for item in wanted for row in rows_of(item, demo)
    }
    (event_id,) = {demo.event_of()[member] for member in wanted}
    assert {member for member, of in demo.event_of().items() if of == event_id} == wanted
    truth = TRUTH["events"][event]
    assert len(wanted) == truth["articles"]
    row = event_row(event, demo)
    assert (row["article_count"], row["duplicate_count"]) == (truth["article_ids"], truth["copies"])
    assert row["unique_article_count"] == truth["article_ids"] - truth["copies"]


def test_event_articles_say_the_same_as_the_articles(demo):
    pairs = sorted((row["event_id"], row["article_id"]) for row in demo.rows("event_articles"))
    assert pairs == sorted((event, article) for (article, _), event in demo.event_of().items())
    for event in {event for event, _ in pairs}:
        roles = [row["role"] for row in demo.rows("event_articles") if row["event_id"] == event]
        assert roles.count("seed") == 1


COPIES = items("article", lambda item: "copy_of" in item)


@pytest.mark.parametrize("item", COPIES, ids=ids(COPIES))
def test_copy_names_its_original_and_how_it_was_measured(item, demo):
    row = row_of(item, demo)
    assert row["dup_of"] == row_of(ITEMS[item["copy_of"]], demo)["article_id"]
    assert row["dup_kind"] == COPY_KINDS[item["copy_kind"]]
    assert row["dup_score"] > 0.5
    assert row["dup_evidence"]


def test_nothing_else_is_called_a_copy(demo):
    copies = [row["article_id"] for row in demo.rows("articles") if row["dup_kind"] != "none"]
    assert sorted(copies) == sorted(row_of(item, demo)["article_id"] for item in COPIES)
    roles = {row["article_id"]: row["role"] for row in demo.rows("event_articles")}
    assert sorted(id_ for id_, role in roles.items() if role == "duplicate") == sorted(copies)


def test_updated_story_is_a_second_revision_of_the_same_article(demo):
    (update,) = items("update")
    first, second = row_of(ITEMS[update["update_of"]], demo), row_of(update, demo)
    assert (first["article_id"], first["event_id"]) == (second["article_id"], second["event_id"])
    assert (first["revision"], second["revision"]) == (1, 2)
    assert first["content_hash"] != second["content_hash"]
    assert second["published_at"] == datetime.fromisoformat(update["published"])
    roles = [
        row["role"]
        for row in demo.rows("event_articles")
        if row["article_id"] == first["article_id"]
    ]
    assert sorted(roles) == ["seed", "update"]


def test_headline_of_a_feed_that_broke_off_is_kept_without_its_text(demo):
    (item,) = items("article", lambda item: item.get("truncated", False))
    assert row_of(item, demo)["body"] is None


def test_comments_that_repost_another_story_are_neither_text_nor_copy(demo):
    (item,) = items("article", lambda item: "quotes" in item)
    row = row_of(item, demo)
    assert row["dup_kind"] == "none"
    assert "Port Ellery" not in row["body"]
    assert row["event_id"] != row_of(ITEMS[item["quotes"]], demo)["event_id"]


def test_comments_that_repost_a_whole_story_are_evidence(detect, tmp_path):
    (item,) = items("article", lambda item: "quotes" in item)
    wire, line = (DEMO / "dropped" / "civic-wire.jsonl"), ITEMS[item["quotes"]]["line"]
    record = json.loads(wire.read_text(encoding="utf-8").splitlines()[line - 1])
    poster = (DEMO / "dropped" / item["file"]).read_text(encoding="utf-8")
    text = record["text"].replace("PORT ELLERY (Civic Wire) - ", "")
    quoted = re.compile(re.escape(text.split("\n", 1)[0]) + ".*")
    poster = quoted.sub(lambda _: text.replace("\n\n", " "), poster, count=1)
    assert text.split("\n")[-1] in poster
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "poster.txt").write_text(poster, encoding="utf-8")
    (tmp_path / "in" / "posted.json").write_text(json.dumps(record), encoding="utf-8")
    out = detect(tmp_path / "out", "--input", str(tmp_path / "in" / "*"))
    posted, poster_row = sorted(out.rows("articles"), key=lambda row: row["input_kind"])
    assert (posted["input_kind"], poster_row["input_kind"]) == ("json", "txt")
    assert poster_row["dup_kind"] == "none" != poster_row["event_id"]
    assert poster_row["dup_evidence"].startswith("contained")
    assert posted["article_id"] in poster_row["dup_evidence"]
    assert poster_row["event_id"] != posted["event_id"]


def test_undated_items_do_not_stretch_their_event(demo):
    row = event_row("skerra-ferry-aground", demo)
    assert row["last_seen_at"] == datetime(2026, 3, 2, 19, 10, tzinfo=timezone.utc)
    assert row["first_seen_at"] == row["first_published_at"]


def test_event_broke_at_a_time_and_for_reasons_that_are_listed(demo):
    row = event_row(BREAKS, demo)
    assert row["first_seen_at"] < row["breaking_since"] <= row["last_seen_at"]
    assert row["breaking_since"] < datetime(2026, 3, 2, 7, 0, tzinfo=timezone.utc)
    assert row["breaking_score"] > 0.5
    reasons = {reason["code"]: reason for reason in row["breaking_reasons"]}
    assert len(reasons) == len(row["breaking_reasons"])
    assert {"independent_families_6h", "age_hours", "novelty"} <= set(reasons)
    voices = reasons["independent_families_6h"]
    assert voices["passed"] and voices["value"] >= voices["threshold"]


def test_breaking_events_and_only_they_have_a_change_that_says_so(demo):
    changes = {
        row["subject"]: row
        for row in demo.rows("event_changes")
        if row["type"] == "org.newsevents.event.breaking"
    }
    broke = {row["event_id"]: row for row in demo.rows("events") if row["breaking_since"]}
    assert set(changes) == set(broke)
    assert event_row(BREAKS, demo)["event_id"] in changes
    for event_id, change in changes.items():
        assert change["time"] == broke[event_id]["breaking_since"]
        reasons = json.loads(change["data"])["reasons"]
        key = sorted(reason["code"] for reason in broke[event_id]["breaking_reasons"])
        assert sorted(reason["code"] for reason in reasons) == key


def test_every_event_was_created_once(demo):
    created = [
        row["subject"]
        for row in demo.rows("event_changes")
        if row["type"] == "org.newsevents.event.created"
    ]
    assert sorted(created) == sorted(row["event_id"] for row in demo.rows("events"))
    assert len(created) == TRUTH["counts"]["events"]


READERS = {
    "duckdb": lambda folder: len(duckdb.read_parquet(f"{folder}/*/*.parquet").fetchall()),
    "pandas": lambda folder: len(pd.read_parquet(folder)),
    "polars": lambda folder: pl.read_parquet(folder).height,
    "pyarrow": lambda folder: ds.dataset(folder).count_rows(),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_tables_are_read_without_options(table, reader, demo):
    rows = len(demo.rows(table))
    assert READERS[reader](demo.path / table) == rows
    # A run that ends sends no alerts, and the demo has no correction.
    assert (rows > 0) == (table not in ("alerts", "article_notices"))


def test_report_loads_nothing_from_elsewhere(demo):
    page = lxml.html.parse(str(demo.path / "report.html")).getroot()
    loading = page.xpath("//@src | //link/@href | //@srcset | //@poster | //object/@data")
    assert [address for address in loading if not address.startswith("data:")] == []
    code = " ".join(page.xpath("//style/text() | //script/text() | //@style"))
    assert not re.search(r"@import|url\(\s*['\"]?(?!['\"]?(?:data:|#))|fetch\(|XMLHttp", code)
    assert event_row(BREAKS, demo)["title"] in page.text_content()


def state(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*.*")}


def test_the_same_command_again_changes_nothing(demo, demo_arguments, detect):
    before = state(demo.path)
    detect(demo.path, *demo_arguments)
    assert state(demo.path) == before


@pytest.fixture
def renamed(tmp_path):
    """``renamed(touch)``: the demo with its files in the opposite order of names; each is
    touched."""

    def copy(folder):
        paths = sorted((DEMO / folder).iterdir())
        for number, path in enumerate(paths):
            target = tmp_path / folder / f"{len(paths) - number:02d}-{path.name}"
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(path, target)
            yield target

    def make(touch=lambda path: None):
        dropped, feeds = list(copy("dropped")), list(copy("feeds"))
        for path in dropped + feeds:
            touch(path)
        listed = "\n".join(map(str, reversed(feeds)))
        (tmp_path / "feeds.txt").write_text(listed, encoding="utf-8")
        return (
            "--input", str(tmp_path / "dropped" / "*"), "--feeds", str(tmp_path / "feeds.txt"),
        )  # fmt: skip

    return make


def test_names_and_order_of_the_files_decide_nothing(demo, detect, renamed, tmp_path):
    assert detect(tmp_path / "out", *renamed()).event_of() == demo.event_of()


def test_times_of_the_files_decide_nothing(demo, detect, renamed, tmp_path):
    undated = items("article", lambda item: item["published"] is None)
    rows = [(row_of(item, demo), item["file"]) for item in undated]
    rows.sort(key=lambda pair: (pair[0]["event_time"], pair[0]["article_id"]))
    places = {file: place for place, (_, file) in enumerate(rows)}
    newest = max(path.stat().st_mtime for path in DEMO.rglob("*.*"))

    def touch(path):  # the undated ones in the opposite order, the others after them
        at = newest - 60 * (1 + places[path.name[3:]]) if path.name[3:] in places else newest
        os.utime(path, (at, at))

    assert detect(tmp_path / "out", *renamed(touch)).event_of() == demo.event_of()


def test_worker_processes_give_the_same_rows(detect, demo_arguments, tmp_path, monkeypatch):
    # Stage by stage as they do: not every encoder is steady on every processor.
    monkeypatch.setattr("pipelines.flow._in_one_process", lambda settings, read: False)
    one = detect(tmp_path / "one", *demo_arguments)
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipelines.detect_events",
            *demo_arguments,
            *workers,
            "--no-report",
            "--output",
            str(tmp_path / "out"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    many = type(one)(tmp_path / "out")
    assert many.tables() == one.tables()
    assert many.run["counts"] == one.run["counts"]


def test_readme_shows_what_the_demo_prints(demo, capsys):
    from pipelines.report.__main__ import main as report

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("<!-- demo output: begin -->\n```\n")[2].partition("\n```")[0]
    assert report(["--output", str(demo.path)]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert block.splitlines()[:-2] == printed[:-1]

"""The main job into BigQuery when something is in the way: large rows, quotas, no permission."""

import json
from dataclasses import replace

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError

from pipelines import outputs
from pipelines.detect_events import main
from pipelines.run_summary import sums_hold
from tests.emulators.faults import ALWAYS, faults_before
from tests.emulators.marks import BIGQUERY
from transforms.write.bigquery import append, client
from transforms.write.bigquery.methods import FILE_LOADS, STORAGE_WRITE, STREAMING_INSERTS
from transforms.write.bigquery.store import add_run

pytestmark = BIGQUERY
SENTENCES = {
    "bridge": "The old bridge was closed on Monday after the storm damaged two of its pillars.",
    "school": "Pupils of the village school planted forty apple trees along the river path.",
}


@pytest.fixture
def stories(tmp_path):
    """``stories(large)``: two small stories and one of that many bytes; gives the pattern."""

    def write(large):
        for name, sentence in SENTENCES.items():
            text = f"News of the {name}\n\n" + f"{sentence} The council said so. " * 5
            (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        word = "harbour" * 140
        text = "The register of the harbour\n\n" + SENTENCES["bridge"] + f"\n\n{word}"
        text += f" {word}" * (large // len(word))
        (tmp_path / "large.txt").write_text(text, encoding="utf-8")
        return str(tmp_path / "*.txt")

    return write


@pytest.fixture
def faults(emulators, bigquery, monkeypatch):
    """A server before the emulator, and an appender that is soon out of patience."""
    real = outputs.appender_of
    monkeypatch.setattr(
        outputs, "appender_of", lambda settings: replace(real(settings), patience_seconds=0.6)
    )
    with faults_before(emulators.bigquery) as running:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", running.url)
        client.query_client.cache_clear()
        yield running
        client.query_client.cache_clear()


def detect(bigquery, *arguments, expect=0):
    assert main([*arguments, "--output", bigquery.output]) == expect


def last_run(bigquery):
    return json.loads(bigquery.one("SELECT document FROM `{d}.runs` ORDER BY round DESC LIMIT 1"))


def assert_one_was_too_large(bigquery):
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles_latest`") == 2
    (letter,) = bigquery.rows("SELECT stage, reason, key, error FROM `{d}.dead_letters`")
    assert (letter["stage"], letter["reason"]) == ("write", "row_too_large")
    assert letter["key"].startswith("articles:")
    counts = last_run(bigquery)["counts"]
    assert (counts["read"], counts["articles"], counts["rejected"]) == (3, 2, 1)
    assert counts["rejected_by_reason"] == {"row_too_large": 1}
    assert sums_hold(counts)


@pytest.mark.parametrize(
    "method", [STORAGE_WRITE, STREAMING_INSERTS, pytest.param(FILE_LOADS, marks=pytest.mark.slow)]
)
def test_a_run_that_ends_leaves_out_a_row_too_large_and_its_counts_add_up(
    bigquery, stories, monkeypatch, method
):
    monkeypatch.setitem(append.MOST_ROW_BYTES, method, 200_000)
    beam = ("--temp_location", bigquery.bucket, "--project", bigquery.dataset.project)
    detect(bigquery, "--input", stories(300_000), "--bigquery_method", method, *beam)
    assert_one_was_too_large(bigquery)


def test_an_article_of_ten_megabytes_becomes_a_letter_and_comes_only_once(bigquery, stories):
    pattern = stories(10_500_000)
    detect(bigquery, "--input", pattern, "--resume")
    assert_one_was_too_large(bigquery)
    size = bigquery.one("SELECT LENGTH(payload) FROM `{d}.dead_letters`")
    assert size == 65_536
    detect(bigquery, "--input", pattern, "--resume")
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.dead_letters`") == 1, "it is known by now"
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 2


def test_a_round_that_meets_a_used_up_quota_fails_in_one_line_and_the_next_run_goes_on(
    bigquery, faults, stories, capsys
):
    pattern, insert = stories(1000), ("--bigquery_method", "streaming_inserts")
    faults.add("tables/events/insertAll", "quotaExceeded", ALWAYS)
    detect(bigquery, "--input", pattern, "--resume", *insert, expect=1)
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith(f"newsevents: {bigquery.output}: cannot append to events: ")
    assert "quotaExceeded" in said[-1]
    assert "a quota is used up: ask for more of it" in said[-1]
    assert not any("Traceback" in line for line in said)
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles_latest`") == 0
    faults.faults.clear()
    detect(bigquery, "--input", pattern, "--resume", *insert)
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles_latest`") == 3
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.events_latest`") >= 2
    assert sums_hold(last_run(bigquery)["counts"])


def test_a_run_that_ends_and_meets_a_used_up_quota_fails_in_one_line_and_counts_for_nobody(
    bigquery, faults, stories, capsys
):
    arguments = ("--input", stories(1000), "--bigquery_method", "streaming_inserts")
    faults.add("tables/articles/insertAll", "quotaExceeded", ALWAYS)
    detect(bigquery, *arguments, expect=1)
    said = capsys.readouterr().err.splitlines()
    assert "cannot append to articles: " in said[-1]
    assert "a quota is used up: ask for more of it" in said[-1]
    assert not any("Traceback" in line for line in said)
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.runs`") == 0
    faults.faults.clear()
    detect(bigquery, *arguments)
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles_latest`") == 3


def test_what_keeps_the_dataset_out_of_reach_is_told_in_one_line(
    bigquery, faults, stories, capsys, monkeypatch
):
    def last_line():
        *_, line = capsys.readouterr().err.splitlines()
        return line

    arguments = ["--input", stories(1000)]
    assert main([*arguments, "--output", "bigquery:news-local.gone"]) == 1
    assert "make the dataset first: bq mk --dataset" in last_line()
    faults.add("GET /", "accessDenied", ALWAYS)
    detect(bigquery, *arguments, "--resume", expect=1)
    assert "grant roles/bigquery.dataEditor on the dataset" in last_line()
    assert main([*arguments, "--output", "bigquery:news"]) == 2
    assert "write it as bigquery:project.dataset" in last_line()

    def refuse(*_, **__):
        raise DefaultCredentialsError("none")

    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST")
    monkeypatch.setattr(google.auth, "default", refuse)
    client.query_client.cache_clear()
    detect(bigquery, *arguments, expect=1)
    assert "no Google credentials: run gcloud auth application-default login" in last_line()


def test_a_dataset_of_another_version_or_model_is_refused_as_a_folder_is(bigquery, stories, capsys):
    arguments = ("--input", stories(1000), "--resume")
    detect(bigquery, *arguments)
    appender = append.Appender(bigquery.dataset, "streaming_inserts")
    run = last_run(bigquery)
    for number, (name, value, told) in enumerate(
        [
            ("schema", "2", "was written with schema version 2"),
            ("embedding_model", "other@1#2", "was made with the model other@1#2"),
        ],
        run["rounds"] + 1,
    ):
        add_run(appender, number, run | {"versions": run["versions"] | {name: value}})
        detect(bigquery, *arguments, expect=1)
        assert told in capsys.readouterr().err.splitlines()[-1]


def test_nothing_is_removed_before_it_is_known_that_rows_can_be_written(
    bigquery, stories, monkeypatch, capsys
):
    pattern = stories(0)
    detect(bigquery, "--input", pattern)
    monkeypatch.delenv("BIGQUERY_STORAGE_EMULATOR_HOST")
    client.write_client.cache_clear()
    detect(bigquery, "--input", pattern, "--overwrite", expect=1)
    assert "BIGQUERY_STORAGE_EMULATOR_HOST" in capsys.readouterr().err
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles_latest`") == 3

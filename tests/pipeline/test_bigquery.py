"""The main job into BigQuery: what is in a dataset is what would be in a folder."""

import json
import os
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pipelines.detect_events import main
from transforms._shared.counts import snapshot
from transforms._shared.stopping import STOP
from transforms.write.bigquery.methods import METHODS

pytestmark = [
    pytest.mark.bigquery,
    # The clients of Google's libraries leave connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
# Each takes half a minute; what differs between them is tested in tests/write/bigquery.
ONE_AT_ONCE = [
    "storage_write",
    pytest.param("streaming_inserts", marks=pytest.mark.slow),
    pytest.param("file_loads", marks=pytest.mark.slow),
]
PLACES = "SELECT article_id, event_id FROM `{d}.articles_latest`"


def detect(bigquery, *arguments, expect=0):
    assert main([*arguments, "--output", bigquery.output]) == expect


def places(bigquery):
    return {row["article_id"]: row["event_id"] for row in bigquery.rows(PLACES)}


def expected(demo):
    return {article: event for (article, _), event in demo.event_of().items()}


def assert_same_as(demo, bigquery):
    assert places(bigquery) == expected(demo)
    for table in ("events", "articles", "event_articles", "event_changes", "dead_letters"):
        assert bigquery.one(f"SELECT COUNT(*) FROM `{{d}}.{table}`") == len(demo.rows(table)), table
    shown = "event_id, title, article_count, breaking_state, breaking_since"
    found = bigquery.rows(f"SELECT {shown} FROM `{{d}}.events_latest` ORDER BY event_id")
    assert found == [{name: row[name] for name in found[0]} for row in demo.rows("events")]


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_ends_gives_the_same_events_as_in_a_folder(
    bigquery, demo, demo_arguments, method
):
    beam = ("--temp_location", bigquery.bucket, "--project", bigquery.dataset.project)
    detect(bigquery, *demo_arguments, "--bigquery_method", method, *beam)
    assert_same_as(demo, bigquery)
    run = json.loads(bigquery.one("SELECT document FROM `{d}.runs`"))
    assert run["counts"]["articles"] == 44
    assert run["versions"]["schema"] == demo.run["versions"]["schema"]


def test_the_same_command_again_changes_nothing_and_another_one_is_refused(
    bigquery, demo, demo_arguments, capsys
):
    detect(bigquery, *demo_arguments)
    detect(bigquery, *demo_arguments)
    assert_same_as(demo, bigquery)
    detect(bigquery, *demo_arguments[:2], expect=1)
    assert "add --overwrite to replace it" in capsys.readouterr().err
    assert_same_as(demo, bigquery)
    detect(bigquery, *demo_arguments[:2], "--overwrite")
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 20


@pytest.mark.parametrize("method", ONE_AT_ONCE)
def test_a_run_goes_on_from_the_rows_of_an_earlier_one(bigquery, demo, demo_arguments, method):
    files, feeds = demo_arguments[:2], demo_arguments[2:]
    detect(bigquery, *files, "--resume", "--bigquery_method", method)
    first = places(bigquery)
    detect(bigquery, *files, *feeds, "--resume", "--bigquery_method", method)
    assert {article: places(bigquery)[article] for article in first} == first
    assert places(bigquery).keys() == expected(demo).keys()
    detect(bigquery, *files, *feeds, "--resume", "--bigquery_method", method)
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 44, "nothing comes twice"
    rounds = bigquery.rows("SELECT DISTINCT round FROM `{d}.articles` ORDER BY round")
    assert [row["round"] for row in rounds] == [1, 2]


def test_a_round_that_was_cut_off_counts_for_nobody(bigquery, demo_arguments, monkeypatch):
    from transforms.write.bigquery import store

    files, feeds = demo_arguments[:2], demo_arguments[2:]
    detect(bigquery, *files, "--resume")
    before = places(bigquery)

    class CutOffError(BaseException):
        pass

    def cut_off(*_):
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_run", cut_off)
        with pytest.raises(CutOffError):
            main([*files, *feeds, "--resume", "--output", bigquery.output])
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 44
    assert places(bigquery) == before, "its rows are there, but its round does not count"
    detect(bigquery, *files, *feeds, "--resume")
    assert len(places(bigquery)) == 43
    counted = "SELECT COUNT(*) FROM `{d}.articles` WHERE round IN (SELECT round FROM `{d}.runs`)"
    assert bigquery.one(counted) == 44


def test_the_older_of_two_runs_finds_out_and_what_it_wrote_does_not_count(
    bigquery, demo_arguments, monkeypatch, capsys
):
    from transforms.write.bigquery.append import Appender
    from transforms.write.bigquery.claim import Claim

    detect(bigquery, *demo_arguments[:2], "--resume")
    before = places(bigquery)
    append = Appender.append

    def another_run_begins(self, table, rows):
        monkeypatch.setattr(Appender, "append", append)
        Claim(bigquery.dataset).take()
        return append(self, table, rows)

    monkeypatch.setattr(Appender, "append", another_run_begins)
    detect(bigquery, *demo_arguments, "--resume", expect=1)
    assert "another run writes there now" in capsys.readouterr().err
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 44
    assert places(bigquery) == before


def test_a_batch_that_was_cut_off_is_not_brought_back_by_a_stream(
    bigquery, demo_arguments, monkeypatch, stream
):
    from transforms.write.bigquery import store

    class CutOffError(BaseException):
        pass

    def cut_off(*_):
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_run", cut_off)
        with pytest.raises(CutOffError):
            main([*demo_arguments, "--output", bigquery.output])
    assert places(bigquery) == {}
    stream(sorted(DROPPED.iterdir())[:6])
    own = "SELECT COUNT(*) FROM `{d}.articles` WHERE round = (SELECT MAX(round) FROM `{d}.runs`)"
    assert len(places(bigquery)) == bigquery.one(own)


def test_what_was_seen_long_ago_is_known_after_a_restart(bigquery, tmp_path):
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("Bridge closed in Oldtown\n\nThe bridge of Oldtown is closed for good.")
    new.write_text("Mill burnt in Newtown\n\nThe mill of Newtown burnt down this morning.")
    long_ago = datetime(2019, 3, 1, tzinfo=timezone.utc).timestamp()
    os.utime(old, (long_ago, long_ago))
    for _ in range(2):
        detect(bigquery, "--input", str(tmp_path / "*"), "--resume")
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 2


DROPPED = Path(__file__).parents[1] / "data" / "demo" / "dropped"
_STEADY_SECONDS = 6.0  # without a new row, after which all messages are through


def stop_when_steady():
    """End the run once it writes no rows any more; gives the thread that looks.

    The emulator is not asked meanwhile: a query and an append at one moment block each other there.
    """

    def written():
        counters = snapshot().items()
        return sum(n for (_, name), n in counters if name.startswith("rows_"))

    def look():
        began = since = time.monotonic()
        start = last = written()  # of an earlier run
        while time.monotonic() < began + 120:
            count = written()
            if count != last:
                last, since = count, time.monotonic()
            elif last != start and time.monotonic() > since + _STEADY_SECONDS:
                break
            time.sleep(0.2)
        STOP.set()

    thread = threading.Thread(target=look)
    thread.start()
    return thread


@pytest.fixture
def stream(bigquery, pubsub):
    """``stream(paths, *arguments)``: publish files and read them to the end."""
    topic, subscription = pubsub.create("news")

    def run(paths, *arguments):
        for path in paths:
            url = f"https://{path.name.split('.')[0]}.example/story"
            pubsub.publish(topic, path.read_bytes(), url=url)
        looking = stop_when_steady()
        detect(bigquery, "--streaming", "--pubsub_subscription", subscription, *arguments)
        looking.join()

    return run


@pytest.mark.parametrize("method", ONE_AT_ONCE[:2])
def test_a_stream_of_messages_ends_up_in_the_tables_and_in_a_topic(
    bigquery, pubsub, stream, method
):
    changes, heard = pubsub.create("changes")
    stream(sorted(DROPPED.iterdir()), "--pubsub_topic", changes, "--bigquery_method", method)
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles_latest`") == 21
    reasons = bigquery.rows("SELECT reason FROM `{d}.dead_letters` ORDER BY reason")
    assert [row["reason"] for row in reasons] == ["binary", "broken_json", "empty"]
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.events_latest`") >= 5
    told = {message.attributes["ce-id"] for message in pubsub.take(heard)}
    stored = {row["id"] for row in bigquery.rows("SELECT id FROM `{d}.event_changes`")}
    assert told == stored


def test_a_row_too_large_in_a_stream_becomes_a_dead_letter(bigquery, stream, tmp_path, monkeypatch):
    from transforms.write.bigquery import append

    long = tmp_path / "long.json"
    body = " ".join(f"The word number {n} was said aloud." for n in range(8000))
    long.write_text(json.dumps({"title": "A very long list of words", "text": body}))
    monkeypatch.setitem(append.MOST_ROW_BYTES, "storage_write", 120_000)
    stream([long, *sorted(DROPPED.iterdir())[:6]])
    (letter,) = bigquery.rows("SELECT reason, key FROM `{d}.dead_letters` WHERE stage = 'write'")
    assert letter["reason"] == "row_too_large"
    assert letter["key"].startswith("articles:")
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") >= 5


def test_a_job_goes_on_from_the_rows_of_the_one_before(bigquery, stream):
    paths = sorted(DROPPED.iterdir())
    stream(paths[:10])
    first = places(bigquery)
    assert first
    stream(paths, "--resume")
    assert {article: places(bigquery)[article] for article in first} == first
    assert len(places(bigquery)) == 21
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 21, "nothing comes twice"
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.runs`") == 2, "each job is a round"

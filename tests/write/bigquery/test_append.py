"""Rows arrive though BigQuery is busy, and what it does not take is told row by row."""

import json
import time

import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types

from schemas.tables import ARTICLES, DEAD_LETTERS, EVENTS
from tests.emulators.faults import ALWAYS, DROPPED, LOST
from tests.emulators.marks import BIGQUERY
from transforms.write.bigquery import append as module
from transforms.write.bigquery.append import too_large
from transforms.write.bigquery.claim import Claim
from transforms.write.bigquery.methods import (
    FILE_LOADS,
    METHODS,
    STORAGE_WRITE,
    STREAMING_INSERTS,
)
from transforms.write.bigquery.store import DatasetStore, add_run
from transforms.write.output import OutputError

pytestmark = BIGQUERY
REQUESTS = {STREAMING_INSERTS: "/insertAll", FILE_LOADS: "POST /upload/"}
SHOWN = "SELECT article_id FROM `{d}.articles_latest` ORDER BY article_id"


class Streams:
    """The client of streams, with answers before those of the emulator."""

    def __init__(self, monkeypatch, *answers):
        self._real = module.write_client
        self.answers = list(answers)
        self.asked = 0
        monkeypatch.setattr(module, "write_client", lambda: self)

    def append_rows(self, requests, timeout=None):
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is LOST:
            list(self._real().append_rows(requests))
            raise exceptions.ServiceUnavailable("the connection was lost")
        if isinstance(answer, Exception):
            raise answer
        return [answer] if answer else self._real().append_rows(requests)


def row_errors(**errors):
    """An answer that refuses rows, by the number after an underscore."""
    told = [types.RowError(index=int(n[1:]), code=1, message=m) for n, m in errors.items()]
    return types.AppendRowsResponse(error={"code": 3, "message": "see rows"}, row_errors=told)


def error(code, message):
    return types.AppendRowsResponse(error={"code": code, "message": message})


def articles(make_row, *names):
    return [make_row("articles", article_id=name, body="x" * 500) for name in names]


def shown(prepared):
    return [row["article_id"] for row in prepared.rows(SHOWN)]


@pytest.mark.parametrize("method", [STREAMING_INSERTS, FILE_LOADS])
def test_rows_arrive_once_in_the_views_after_requests_that_failed(
    method, faults, appender, make_row, prepared
):
    add_run(appender(STREAMING_INSERTS), 0, {})
    kinds = ["quotaExceeded", "rateLimitExceeded", "backendError", DROPPED]
    kinds += [LOST] if method == STREAMING_INSERTS else []
    for kind in kinds:
        fault = faults.add(REQUESTS[method], kind, 1 + (kind == DROPPED))
        assert appender(method).append(ARTICLES, articles(make_row, kind)) == []
        assert fault.met == fault.times, kind
    assert shown(prepared) == sorted(kinds)


def test_rows_arrive_once_in_the_views_after_streams_that_failed(
    monkeypatch, appender, make_row, prepared
):
    append = appender(STORAGE_WRITE).append
    add_run(appender(STREAMING_INSERTS), 0, {})
    kinds = {
        "quota": exceptions.ResourceExhausted("quota of bytes a second"),
        "quota in an answer": error(8, "quota of bytes a second"),
        "busy": exceptions.ServiceUnavailable("busy"),
        "aborted": exceptions.Aborted("try again"),
        "internal": error(13, "internal"),
        "lost": LOST,
    }
    for name, kind in kinds.items():
        streams = Streams(monkeypatch, kind)
        assert append(ARTICLES, articles(make_row, name)) == []
        assert streams.asked == 2, name
        monkeypatch.setattr(module, "write_client", streams._real)
    assert shown(prepared) == sorted(kinds)
    stored = prepared.one("SELECT COUNT(*) FROM `{d}.articles` WHERE article_id = 'lost'")
    assert stored == 2, "it was sent twice, and is seen once"


@pytest.mark.parametrize("method", METHODS)
def test_a_quota_that_stays_used_up_is_told_in_one_line_when_patience_ends(
    method, faults, appender, make_row, monkeypatch, prepared
):
    if method == STORAGE_WRITE:
        Streams(monkeypatch, *[exceptions.ResourceExhausted("no: quotaExceeded")] * 99)
    else:
        faults.add(REQUESTS[method], "quotaExceeded", ALWAYS)
    began = time.monotonic()
    with pytest.raises(OutputError, match=r"append to articles: .*quotaExceeded") as caught:
        appender(method, patience_seconds=0.6).append(ARTICLES, articles(make_row, "a"))
    assert time.monotonic() - began < 5
    assert "a quota is used up: ask for more of it, wait, or choose another" in str(caught.value)
    assert str(prepared.dataset) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["backendError", DROPPED])
@pytest.mark.parametrize("method", [STREAMING_INSERTS, FILE_LOADS])
def test_a_server_that_stays_away_is_told_in_one_line_when_patience_ends(
    method, kind, faults, appender, make_row
):
    faults.add(REQUESTS[method], kind, ALWAYS)
    began = time.monotonic()
    with pytest.raises(OutputError, match="try again when BigQuery can be reached"):
        appender(method, patience_seconds=0.6).append(ARTICLES, articles(make_row, "a"))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("method", METHODS)
def test_what_will_not_pass_is_told_at_once(method, faults, appender, make_row, monkeypatch):
    if method == STORAGE_WRITE:
        streams = Streams(monkeypatch, *[exceptions.PermissionDenied("no")] * 9)
    else:
        fault = faults.add(REQUESTS[method], "accessDenied", ALWAYS)
    with pytest.raises(OutputError, match=r"grant roles/bigquery\.dataEditor"):
        appender(method).append(ARTICLES, articles(make_row, "a"))
    assert (streams.asked if method == STORAGE_WRITE else fault.met) == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_row_larger_than_bigquery_takes_is_refused_and_the_others_are_there(
    method, appender, make_row, prepared, monkeypatch
):
    monkeypatch.setitem(module.MOST_ROW_BYTES, method, 5000)
    add_run(appender(STREAMING_INSERTS), 0, {})
    rows = articles(make_row, "a", "large", "c")
    rows[1]["body"] = "x" * 6000
    (refused,) = appender(method).append(ARTICLES, rows)
    assert shown(prepared) == ["a", "c"]
    letter = refused.letter()
    assert (letter.stage, letter.key) == ("write", "articles:large/1")
    assert letter.reason == "row_too_large"
    assert "leave the item out, or store less of it" in letter.error
    assert json.loads(letter.payload)["article_id"] == "large"
    assert letter.first_failed_at == rows[1]["event_time"]


def test_the_size_of_a_row_is_that_of_its_bytes_not_its_letters(make_row, monkeypatch):
    row = make_row("articles", body="é" * 4000)
    monkeypatch.setitem(module.MOST_ROW_BYTES, STORAGE_WRITE, 7000)
    assert too_large(ARTICLES, row, STORAGE_WRITE) is not None
    assert too_large(ARTICLES, row | {"body": "e" * 4000}, STORAGE_WRITE) is None


def test_a_row_that_a_request_refuses_is_told_and_the_others_are_there(
    appender, make_row, prepared, monkeypatch
):
    real = module.json_row

    def damaged(table, row):
        return real(table, row) | ({"revision": "many"} if row["article_id"] == "b" else {})

    monkeypatch.setattr(module, "json_row", damaged)
    (refused,) = appender(STREAMING_INSERTS).append(ARTICLES, articles(make_row, "a", "b", "c"))
    assert (refused.reason, refused.row["article_id"]) == ("row_refused", "b")
    assert "BigQuery refuses the row: " in refused.error
    found = prepared.rows("SELECT article_id FROM `{d}.articles` ORDER BY article_id")
    assert [row["article_id"] for row in found] == ["a", "c"]


def test_rows_that_a_stream_refuses_are_told_and_the_others_are_there(
    appender, make_row, prepared, monkeypatch
):
    streams = Streams(monkeypatch, row_errors(_1="no b", _3="no d"), row_errors(_0="nor a"))
    rows = articles(make_row, "a", "b", "c", "d", "e")
    refused = appender(STORAGE_WRITE).append(ARTICLES, rows)
    told = {one.row["article_id"]: one.error for one in refused}
    assert told == {n: f"BigQuery refuses the row: {m}" for n, m in
                    {"b": "no b", "d": "no d", "a": "nor a"}.items()}  # fmt: skip
    assert streams.asked == 3
    found = prepared.rows("SELECT article_id FROM `{d}.articles` ORDER BY article_id")
    assert [row["article_id"] for row in found] == ["c", "e"]


def test_a_stream_that_refuses_every_row_ends(appender, make_row, monkeypatch):
    streams = Streams(monkeypatch, row_errors(_0="no", _1="no"))
    refused = appender(STORAGE_WRITE).append(ARTICLES, articles(make_row, "a", "b"))
    assert (len(refused), streams.asked) == (2, 1)


def test_a_stream_that_refuses_a_row_that_was_not_sent_stops_the_run(
    appender, make_row, monkeypatch
):
    Streams(monkeypatch, row_errors(_7="no"))
    with pytest.raises(OutputError, match="errors of rows that were not sent"):
        appender(STORAGE_WRITE).append(ARTICLES, articles(make_row, "a", "b"))


def claimed(appender):
    claim = Claim(appender.dataset)
    claim.take()
    return DatasetStore(appender, claim)


@pytest.mark.parametrize("method", METHODS)
def test_a_round_with_a_row_too_large_has_its_letter_and_counts(
    method, appender, make_row, prepared, monkeypatch
):
    monkeypatch.setitem(module.MOST_ROW_BYTES, method, 200_000)
    store = claimed(appender(method))
    store.begin({"rounds": 0})
    rows = [row | {"round": 1} for row in articles(make_row, "a", "large")]
    rows[1]["body"] = "x" * 300_000
    events = [make_row("events", round=1)]
    store.publish(1, {ARTICLES.name: rows, EVENTS.name: events}, lambda: {"rounds": 1})
    assert shown(prepared) == ["a"]
    (letter,) = prepared.rows(f"SELECT reason, key, round FROM `{{d}}.{DEAD_LETTERS.name}`")
    assert letter == {"reason": "row_too_large", "key": "articles:large/1", "round": 1}
    assert prepared.one("SELECT COUNT(*) FROM `{d}.events_latest`") == 1


def test_a_round_that_could_not_be_written_whole_does_not_count(
    faults, appender, make_row, prepared
):
    store = claimed(appender(STREAMING_INSERTS, patience_seconds=0.6))
    store.begin({"rounds": 0})
    faults.add("tables/events/insertAll", "quotaExceeded", ALWAYS)
    rows = {
        ARTICLES.name: [row | {"round": 1} for row in articles(make_row, "a")],
        EVENTS.name: [make_row("events", round=1)],
    }
    with pytest.raises(OutputError, match="a quota is used up"):
        store.publish(1, rows, lambda: {"rounds": 1})
    assert prepared.one("SELECT COUNT(*) FROM `{d}.articles`") == 1
    assert shown(prepared) == [], "its rows are there, but its round does not count"
    faults.faults.clear()
    again = claimed(appender(STREAMING_INSERTS))
    again.begin({"rounds": 0})
    again.publish(2, {n: [r | {"round": 2} for r in own] for n, own in rows.items()},
                  lambda: {"rounds": 2})  # fmt: skip
    assert shown(prepared) == ["a"]


def test_rows_that_are_put_off_are_sent_again_alone_and_make_no_letters(
    appender, make_row, prepared, monkeypatch
):
    sending = appender(STREAMING_INSERTS)
    client = module.query_client(sending.dataset.project)
    insert, sent = client.insert_rows_json, []

    def put_off_once(table, rows, **options):
        sent.append([row.get("article_id", "") for row in rows])
        if len(sent) > 1:
            return insert(table, rows, **options)
        keep = [row for row in rows if row["article_id"] != "b"]
        insert(table, keep, **options | {"row_ids": options["row_ids"][: len(keep)]})
        return [{"index": 1, "errors": [{"reason": "backendError", "message": "busy"}]}]

    monkeypatch.setattr(client, "insert_rows_json", put_off_once)
    assert sending.append(ARTICLES, articles(make_row, "a", "b", "c")) == []
    assert sent == [["a", "b", "c"], ["b"]]
    add_run(sending, 0, {})
    assert shown(prepared) == ["a", "b", "c"]


def test_the_letter_of_a_refused_row_holds_no_more_than_is_to_be_stored(
    appender, make_row, prepared, monkeypatch
):
    monkeypatch.setitem(module.MOST_ROW_BYTES, STREAMING_INSERTS, 200_000)
    sending = appender(STREAMING_INSERTS)
    claim = Claim(sending.dataset)
    claim.take()
    store = DatasetStore(sending, claim, "none")
    store.begin({"rounds": 0})
    rows = [row | {"round": 1, "body": "x" * 300_000} for row in articles(make_row, "large")]
    store.publish(1, {ARTICLES.name: rows}, lambda: {"rounds": 1})
    (letter,) = prepared.rows(f"SELECT payload, payload_sha256 FROM `{{d}}.{DEAD_LETTERS.name}`")
    assert not letter["payload"]
    assert len(letter["payload_sha256"]) == 64

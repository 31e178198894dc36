"""The JSON API, the files to take away, and who may ask."""

import csv
import io
import json

import feedparser
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from pipelines.serve.app import make_app
from pipelines.serve.guard import HostCheck, is_loopback
from pipelines.serve.index import BusyError

ANY = "0.0.0.0"  # noqa: S104 - only asked about


def test_status_names_the_round_and_what_there_is(client):
    status = client.get("/api/v1/status").json()
    counts = {
        name: status[name] for name in ("round", "events", "articles", "feeds", "dead_letters")
    }
    assert counts == {"round": 1, "events": 3, "articles": 7, "feeds": 2, "dead_letters": 4}
    assert status["states"] == {"breaking": 1, "none": 2}
    assert status["error"] is None


def test_lists_say_how_long_they_are(client):
    answer = client.get("/api/v1/articles?limit=2&offset=1").json()
    assert (answer["total"], answer["limit"], answer["offset"], len(answer["items"])) == (
        7,
        2,
        1,
        2,
    )


def test_an_event_its_articles_and_changes(client):
    event = client.get("/api/v1/events/flood").json()
    assert event["revision"] == 2
    assert event["families"] == ["a1.example", "a2.example", "a3.example", "a4.example"]
    assert event["breaking_since"] == "2026-03-02T06:50:00Z"
    articles = client.get("/api/v1/events/levee/articles").json()  # of its survivor
    assert {one["article_id"] for one in articles["items"]} == {"a1", "a2", "a3", "a4"}
    assert {one["event_id"] for one in articles["items"]} == {"flood"}
    changes = client.get("/api/v1/events/flood/changes").json()
    assert [one["id"] for one in changes["items"]] == ["x3", "x2", "x1", "x0"]
    assert client.get("/api/v1/events/levee").json()["merged_into"] == "flood"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/events?limit=0", 422), ("/api/v1/events?colour=red", 422),
        ("/api/v1/events?from=2026-02-30", 422), ("/api/v1/events/none", 404),
        ("/api/v1/events/a'b", 422), ("/api/v1/nothing", 404), ("/events.csv?limit=10001", 422),
        ("/events/none/articles.csv", 404), ("/nothing.rss", 404),
    ],
)  # fmt: skip
def test_errors_are_problem_json(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(client, method):
    answer = client.request(method, "/api/v1/events")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


def test_head_is_get_without_a_body(client):
    answer = client.head("/api/v1/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


def test_a_question_that_takes_too_long_is_given_up(client, monkeypatch):
    def slow(*_):
        raise BusyError("the question took too long; ask for less")

    monkeypatch.setattr("pipelines.serve.queries.Questions.events", slow)
    answer = client.get("/api/v1/events")
    assert (answer.status_code, answer.json()["detail"][:24]) == (503, "the question took too lo")


@pytest.mark.parametrize("name", ["events", "articles", "feeds", "dead-letters"])
def test_every_list_is_a_csv_and_a_parquet_file(client, name):
    total = client.get(f"/api/v1/{name}").json()["total"]
    text = client.get(f"/{name}.csv")
    assert text.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
    rows = list(csv.reader(io.StringIO(text.text, newline="")))
    assert len(rows) == total + 1
    parquet = pq.read_table(io.BytesIO(client.get(f"/{name}.parquet").content))
    assert parquet.num_rows == total
    assert parquet.column_names == rows[0]
    assert "minutes" not in rows[0]


def test_the_rows_of_an_event_are_files(client):
    rows = list(csv.DictReader(io.StringIO(client.get("/events/levee/articles.csv").text)))
    assert {row["article_id"] for row in rows} == {"a1", "a2", "a3", "a4"}


def test_the_feed_of_breaking_events_has_only_those(client):
    answer = client.get("/breaking.rss")
    assert answer.headers["content-type"] == "application/rss+xml"
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    assert [entry.id for entry in parsed.entries] == ["flood"]
    assert parsed.entries[0].link == "http://localhost/events/flood"
    assert parsed.entries[0].published == "Mon, 02 Mar 2026 06:50:00 GMT"
    everything = feedparser.parse(client.get("/events.rss?q=document").content)
    assert [entry.id for entry in everything.entries] == ["attack"]


def test_the_description_is_openapi_without_other_places(client):
    schema = client.get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert "/api/v1/events/{event_id}" in schema["paths"]
    assert "http://" not in json.dumps(schema)
    assert client.get("/docs").status_code == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("localhost", 200), ("localhost:8000", 200), ("127.0.0.1:1", 200), ("[::1]:8000", 200),
        ("LOCALHOST", 200), ("localhost.", 200), ("evil.example", 421), ("10.0.0.1", 421),
        ("localhost.evil.example", 421), ("localhost:x", 421), ("", 421), ("news.example", 421),
        ("[::1", 200), ("user@localhost", 421),
    ],
)  # fmt: skip
def test_only_known_names_are_answered(client, header, status):
    answer = client.get("/api/v1/status", headers={"Host": header})
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_more_names_can_be_allowed(index):
    app = make_app(index, host=ANY, allowed_hosts=["News.example"], look_seconds=0)
    with TestClient(app, base_url="http://news.example:80") as client:
        assert client.get("/api/v1/status").status_code == 200
        assert client.get("/api/v1/status", headers={"Host": "10.0.0.1"}).status_code == 200
        assert client.get("/api/v1/status", headers={"Host": "evil.example"}).status_code == 421


def test_a_number_is_no_name_unless_bound_to_all():
    assert HostCheck("192.0.2.7").allows("192.0.2.7:8000")
    assert not HostCheck("192.0.2.7").allows("192.0.2.8")
    assert HostCheck("::").allows("[2001:db8::1]:80")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     (ANY, False), ("::", False), ("192.0.2.7", False), ("box.example", False)],
)  # fmt: skip
def test_loopback_is_this_machine_only(host, loopback):
    assert is_loopback(host) == loopback

"""The pages: what they say, and what hostile text cannot do on them."""

import re
from itertools import pairwise

import pytest
from starlette.testclient import TestClient

from pipelines.serve.app import make_app
from pipelines.serve.event_page import fold_copies
from pipelines.serve.index import Index

PAGES = ("/", "/events", "/events/flood", "/events/attack", "/feeds", "/dead-letters", "/api")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_guarded(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    html = answer.text
    assert html.startswith("<!doctype html>")
    assert not re.search(r"<[a-z][^>]* (style|on[a-z]+)=", html)
    assert re.findall(r"<script[^>]*>", html) == ['<script src="/static/serve.js" defer>']
    assert "javascript:" not in html
    assert "\u202e" not in html
    assert 'href="#main"' in html and '<main id="main"' in html
    assert len(re.findall(r"<h1", html)) == 1
    levels = [int(level) for level in re.findall(r"<h([1-6])", html.partition("<footer")[0])]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all('scope="' in cell for cell in re.findall(r"<th\b[^>]*>", html))
    assert len(ids := re.findall(r' id="([^"]*)"', html)) == len(set(ids))


def test_what_breaks_comes_first(client):
    html = client.get("/").text
    assert html.index("River bursts its banks at Östenby") < html.index("Latest events")
    assert '<b class="state">Breaking</b>' in html
    assert 'Broke <time datetime="2026-03-02T06:50:00Z">2 Mar 2026, 06:50</time>' in html
    assert "score 0.82 of 1" in html
    assert "An older headline" not in html
    assert "Levee gives way" not in html  # it was merged


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"flood", "council", "attack"}),
        ("q=OSTENBY", {"flood"}),
        ("q=dyke+river", {"flood"}),
        ("q=dyke+council", set()),
        ("state=breaking", {"flood"}),
        ("language=de", {"flood"}),
        ("publisher=b1.example", {"council"}),
        ("min_articles=3", {"flood"}),
        ("min_families=2", {"flood"}),
        ("from=2026-03-02T07:35", {"attack"}),
        ("to=2026-03-02T06:15", {"council"}),
        ("q=&state=&from=&sort=articles", {"flood", "council", "attack"}),
        ("q=%25", set()),
        ("q=%27%3B+DROP+TABLE+event", set()),
        ("limit=1&offset=1&sort=first", {"flood"}),
    ],
)  # fmt: skip
def test_events_are_found_by_their_filters(client, query, found):
    html = client.get(f"/events?{query}").text
    assert set(re.findall(r'<h3 dir="auto"><a href="/events/(\w+)"', html)) == found


def test_a_wrong_filter_is_named_on_a_page(client):
    answer = client.get("/events?limit=none")
    assert answer.status_code == 422
    assert "limit:" in answer.text


def test_an_event_tells_its_articles_copies_reasons_and_history(client):
    html = client.get("/events/flood").text
    assert 'From <bdi>a1.example</bdi>, <a href="#a0">“Ostenby under water”</a>' in html
    folded = re.search(r"<details id=\"c-a0\"><summary>1 copy of it.*?</details>", html, re.S)[0]
    assert "Town flooded" in folded and "Nearly word for word the same as" in folded
    assert "Publishers within 60 minutes: 4 – enough, needs at least 3." in html
    assert "Lunar phase: 0.2 – not enough, needs at least 0.5." in html
    assert "Levee gives way at Ostenby" in html  # an article of the event that was merged
    assert re.search(r"merged with another event \(<bdi>Levee gives way</bdi>", html)
    assert "/events/flood/articles.csv" in html
    assert html.count('<th scope="row"><bdi>') == 4  # publishers over time


def test_a_merged_event_leads_to_its_survivor(client):
    answer = client.get("/events/levee")
    assert (answer.status_code, answer.headers["location"]) == (307, "/events/flood")


@pytest.mark.parametrize("path", ["/events/none", "/nothing", "/static/secret", "/static/..%2fx"])
def test_what_is_not_there_is_not_found(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text


@pytest.mark.parametrize("name", ["a'b", "%3Cscript%3E", "x" * 65, "a b"])
def test_an_event_id_is_letters_and_digits(client, name):
    answer = client.get(f"/events/{name}")
    assert answer.status_code == 422
    assert "<script>" not in answer.text


def test_hostile_links_are_text(client):
    html = client.get("/events/attack").text
    assert "&lt;script&gt;document.title=" in html
    assert not re.search(r'href="(?!/|#|https://)', html)


def test_feeds_tell_their_health(client):
    html = client.get("/feeds").text
    assert html.index("slow.example") < html.index("x.example")
    assert '<b class="bad">failing</b>, 2 times in a row' in html
    assert "timed out" in html
    assert "3 in 3 requests" in html
    assert "slow.example" not in client.get("/feeds?failing=false").text


def test_dead_letters_are_grouped_and_filtered(client):
    html = client.get("/dead-letters").text
    assert re.search(r">empty</a></th><td class=\"num\">3</td>", html)
    html = client.get("/dead-letters?stage=parse&reason=not_a_feed").text
    assert "empty0.txt" not in html
    assert "&lt;script&gt;" in html


def test_an_unchanged_page_costs_304_until_the_output_changes(client, index, busy):
    first = client.get("/events")
    tag = {"If-None-Match": first.headers["etag"]}
    again = client.get("/events", headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/events", headers={"If-None-Match": '"other", W/"x"'}).status_code == 200
    busy.event("new", 100, title="Something new")
    busy.commit()
    index.refresh()
    changed = client.get("/events", headers=tag)
    assert changed.status_code == 200
    assert "Something new" in changed.text


def test_the_same_state_gives_the_same_bytes(client, busy):
    other = Index(busy.path)
    other.refresh()
    app = make_app(other, look_seconds=0)
    with TestClient(app, base_url="http://localhost") as second:
        for path in PAGES:
            ours, theirs = client.get(path), second.get(path)
            assert ours.content == theirs.content
            assert ours.headers["etag"] == theirs.headers["etag"]


def test_an_output_that_vanishes_is_still_shown_with_a_note(client, busy):
    busy.path.rename(busy.path.with_name("gone"))
    client.app.state.site.look()
    html = client.get("/").text
    assert "The output cannot be read now, so this may be old:" in html
    assert "River bursts" in html
    busy.path.with_name("gone").rename(busy.path)
    client.app.state.site.look()
    assert "cannot be read" not in client.get("/").text


def test_whatever_stops_an_update_is_said_and_tried_again(client, index, busy, monkeypatch):
    site = client.app.state.site
    with monkeypatch.context() as patched:
        patched.setattr(type(index), "refresh", lambda _: 1 / 0)
        site.look()
    assert "ZeroDivisionError" in client.get("/").text
    assert "ZeroDivisionError" in client.get("/api/v1/status").json()["error"]
    site.look()
    assert client.get("/api/v1/status").json()["error"] is None


def test_an_output_without_rows_has_pages(output):
    output.commit()
    index = Index(output.path)
    index.refresh()
    with TestClient(make_app(index, look_seconds=0), base_url="http://localhost") as client:
        for path in ("/", "/events", "/feeds", "/dead-letters", "/breaking.rss", "/events.csv",
                     "/events.parquet", "/api/v1/status"):  # fmt: skip
            assert client.get(path).status_code == 200


class Told:
    def __init__(self, name, dup_of=""):
        self.article_id, self.dup_of = name, dup_of
        self.dup_kind = "exact_text" if dup_of else "none"


@pytest.mark.parametrize(
    ("articles", "folded"),
    [
        ([Told("a"), Told("b", "a"), Told("c", "b")], {"a": ["b", "c"]}),
        ([Told("b", "gone"), Told("a")], {"b": [], "a": []}),
        ([Told("a", "b"), Told("b", "a")], {"a": [], "b": []}),
        ([Told("a", "a")], {"a": []}),
    ],
    ids=["copy of a copy", "original elsewhere", "circle", "itself"],
)  # fmt: skip
def test_copies_are_folded_under_their_original(articles, folded):
    told = fold_copies(tuple(articles))
    assert {t.article.article_id: [c.article_id for c in t.copies] for t in told} == folded


def test_articles_corrected_and_taken_back_are_marked(output):
    output.event("dam", 5, title="Dam gates stuck", article_count=2, correction_count=1,
                 retraction_count=1)  # fmt: skip
    for minute, (name, kind) in enumerate([("a", "retracted"), ("b", "corrected")]):
        output.article(name, "dam", minute)
        output.add("article_notices", article_id=name, kind=kind, noticed_at=output.moment(9),
                   evidence=f"<b>{kind}</b> because")  # fmt: skip
    output.change("c", "dam", "retracted", 9)
    index = Index(output.commit().path)
    index.refresh()
    with TestClient(make_app(index), base_url="http://localhost") as client:
        assert "1 corrected, 1 taken back" in client.get("/events").text
        page = client.get("/events/dam").text
        assert page.count('<span class="tag nt">taken back</span>') == 2  # on top and beside it
        assert "Taken back: <bdi>&lt;b&gt;retracted&lt;/b&gt; because</bdi>" in page
        assert "an article was taken back" in page
        event = client.get("/api/v1/events/dam").json()
        assert (event["correction_count"], event["retraction_count"]) == (1, 1)
        articles = client.get("/api/v1/events/dam/articles").json()["items"]
        assert {one["article_id"]: one["notice"] for one in articles} == {
            "a": "retracted",
            "b": "corrected",
        }
    index.close()

"""What is sent: CloudEvents for programs, text for chats, and nothing that others could abuse."""

import json
import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.alerts.payload import News, NoticeTold, body_of, content_type
from schemas import BreakingReason, EntityCount, Event, Keyword

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
LINK = "https://news.example/warehouse?a=1&b=2"


@pytest.fixture
def make_news(make_event):
    """``make_news(event_changes, **changes)``: the first alert of an event."""

    def make(event=(), **changes):
        return News(
            **{"key": "k1", "alert_id": "e1", "revision": 1, "kind": "breaking", "why": ("broke",),
               "event": make_event(**dict(event)), "previous_event_ids": (), "url": LINK} | changes
        )  # fmt: skip

    return make


def chat(news):
    return json.loads(body_of(news, "slack"))["text"]


def test_a_cloud_event_says_all_that_the_standard_wants_and_a_desk_needs(make_news):
    event = json.loads(body_of(make_news(), "cloudevents"))
    data = event.pop("data")
    assert event == {
        "id": "k1",
        "source": "/newsevents",
        "specversion": "1.0",
        "type": "org.newsevents.alert.breaking",
        "subject": "e1",
        "time": "2024-05-01T12:00:00Z",
        "datacontenttype": "application/json",
    }
    assert data == {
        "alert_id": "e1",
        "revision": 1,
        "why": ["broke"],
        "event_id": "e1",
        "event_revision": 1,
        "previous_event_ids": [],
        "merged_into_alert": None,
        "status": "active",
        "state": "breaking",
        "breaking_since": "2024-05-01T12:00:00Z",
        "score": 0.8,
        "reasons": [
            {"code": "independent_families_60m", "value": 3.0, "threshold": 3.0, "passed": True}
        ],
        "title": "Grain warehouse ablaze on Port Ellery docks",
        "summary": "A grain warehouse burned on the docks. Nobody was hurt.",
        "url": LINK,
        "notices": [],
        "articles": 4,
        "unique_articles": 3,
        "corrected_articles": 0,
        "retracted_articles": 0,
        "publisher_families": 3,
        "articles_60m": 4,
        "publisher_families_60m": 3,
        "keywords": ["warehouse", "docks"],
        "entities": [{"text": "Port Ellery", "count": 3}],
        "languages": [{"code": "en", "count": 3}],
        "first_seen_at": "2024-05-01T12:00:00Z",
        "last_seen_at": "2024-05-01T12:00:00Z",
    }


def test_media_types_are_those_of_the_formats():
    assert content_type("cloudevents") == "application/cloudevents+json; charset=utf-8"
    assert content_type("slack") == "application/json; charset=utf-8"


def test_a_text_names_event_alert_and_revision(make_news):
    assert chat(make_news()) == (
        "BREAKING: <https://news.example/warehouse?a=1&amp;b=2|Grain warehouse ablaze on Port "
        "Ellery docks>\n"
        "3 publishers, 4 articles, since 2024-05-01 12:00 UTC; score 0.80\n"
        "A grain warehouse burned on the docks. Nobody was hurt.\n"
        "alert e1, revision 1"
    )


def test_a_text_says_why_there_is_another_one(make_news):
    news = make_news(kind="updated", why=("state", "grew"), revision=3)
    assert chat(news).startswith("UPDATE (its state changed; more publishers report it): ")
    assert chat(make_news({"breaking_state": "fading"})).startswith("BROKE, FADING: ")
    assert chat(make_news(kind="ended", why=("closed",))).startswith("ENDED (nothing new came")


@pytest.mark.parametrize(
    "title",
    ["<!channel> look", "<@U123> look", "@channel @here look", "<https://evil.example|click>",
     "a > b & c", "|x>"],
)  # fmt: skip
def test_a_title_calls_nobody_and_links_nowhere(make_news, title):
    text = chat(make_news({"title": title, "summary": title}, url=""))
    assert "<" not in text
    assert ">" not in text
    assert not re.search(r"@\w", text)
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)


@pytest.mark.parametrize(
    "title",
    ["see https://evil.example/a", "HTTPS://EVIL.EXAMPLE", "slack://open", "[click](evil.example)",
     "[click](https://evil.example)", "www.evil.example", "(WWW.evil.example)", "a@evil.example"],
)  # fmt: skip
def test_an_address_in_a_title_does_not_link(make_news, title):
    told = NoticeTold("a7", "retracted", title, "")
    news = make_news({"title": title, "summary": title}, url="", notices=(told,))
    text = chat(news)
    assert not re.search(r"://|\]\(|\bwww\.|@\w", text, re.IGNORECASE)
    assert text.replace("\u200b", "").count(title) == 3


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "https://x.example/a b", "", "nonsense"]
)
def test_only_web_addresses_become_links(make_news, url):
    assert "<" not in chat(make_news(url=url))
    assert json.loads(body_of(make_news(url=url), "cloudevents"))["data"]["url"] is None


def test_an_address_cannot_end_its_link(make_news):
    text = chat(make_news(url="https://x.example/|<!here>"))
    assert text.startswith("BREAKING: <https://x.example/%7C%3C!here%3E|Grain")


def test_figures_that_are_none_are_left_out(make_news):
    reasons = (BreakingReason("rate", float("inf"), float("nan"), True),)
    body = body_of(make_news({"breaking_reasons": reasons}), "cloudevents")
    (reason,) = json.loads(body)["data"]["reasons"]
    assert (reason["value"], reason["threshold"]) == (None, None)


def test_what_was_corrected_or_taken_back_is_named(make_news):
    told = NoticeTold("a7", "retracted", "Dam <fails>", "at:deleted-entry ref=7")
    news = make_news(notices=(told,) * 30, why=("retracted",), kind="updated")
    notices = json.loads(body_of(news, "cloudevents"))["data"]["notices"]
    assert len(notices) == 20
    assert notices[0] == {
        "article_id": "a7", "kind": "retracted", "title": "Dam <fails>",
        "evidence": "at:deleted-entry ref=7",
    }  # fmt: skip
    assert chat(news).count("retracted: Dam &lt;fails&gt;") == 3


BASE = Event(
    "e1", 1, "active", "", "One", "", (), "a1", (), (), (), NOON, NOON, NOON, NOON, 4, 3, 1, 3,
    0.5, 2, 4, 3, NOON, "breaking", NOON, 0.8, (), "", 0.8, 0.7, False, 0.8, b"", "test",
)  # fmt: skip
texts = st.text(max_size=5000) | st.text("<>&@|*`\n\ud800", max_size=5000)


@given(texts, texts, texts, st.sampled_from(["cloudevents", "slack"]))
def test_whatever_others_wrote_the_body_is_bounded_and_can_be_sent(title, summary, url, form):
    event = replace(
        BASE,
        title=title,
        summary=summary,
        keywords=(Keyword(title, 1.0),) * 50,
        entities=(EntityCount(summary, 1),) * 50,
    )
    news = News("k", "e1", 1, "breaking", ("broke",), event, ("e0",) * 500, url)
    body = body_of(news, form).encode()
    assert len(body) < 32_000
    json.loads(body)
    if form == "slack":
        text = json.loads(body)["text"]
        assert len(text) < 5000
        assert not re.search(r"<(?!https?://)", text)

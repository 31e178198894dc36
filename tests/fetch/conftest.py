import threading
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from schemas import Entry, Identified
from transforms._shared.rejects import RejectError
from transforms._shared.urls import canonical_url
from transforms._shared.web.fetch import Fetched, FetchError
from transforms._shared.web.politeness import Politeness
from transforms.fetch.page import PageGetter
from transforms.fetch.robots import RobotsRules

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SENTENCE = "The council of Pellworth voted on the new ferry pier, and the mayor spoke for an hour. "


class FakeWeb:
    """A fetcher of stored answers; a site without a robots.txt says so."""

    def __init__(self):
        self.answers = {}
        self.requests = []
        self.accepted = []
        self._guard = threading.Lock()

    def answer(self, url, content=b"", content_type="text/html", at="", **changes):
        """Store an answer; ``at`` is the address it comes from when that is another one."""
        body = content.encode() if isinstance(content, str) else content
        fetched = Fetched(at or url, body, content_type, "")
        self.answers[url] = replace(fetched, **changes)
        return url

    def fail(self, url, reason="http_status", status=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[url] = FetchError(reason, "no", status=status, headers=named)
        return url

    def fetch(self, url, headers=(), accept="", follow_elsewhere=True):
        with self._guard:
            self.requests.append(url)
            self.accepted.append(accept)
        missing = FetchError("http_status", "not there", status=404)
        answer = self.answers.get(url, missing)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def pages_asked(self):
        return [url for url in self.requests if not url.endswith("/robots.txt")]


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def web():
    return FakeWeb()


@pytest.fixture
def politeness(clock):
    return Politeness(clock=clock, sleep=clock.sleep)


@pytest.fixture
def robots(web, politeness, clock):
    return RobotsRules(web, politeness, clock)


@pytest.fixture
def getter(web, robots, politeness):
    return PageGetter(web, robots, politeness, lambda: NOON)


@pytest.fixture
def html_page():
    """``html_page(text, head)``: a page with that much of a story."""

    def make(text=SENTENCE * 4, head=""):
        return f"<!doctype html><html><head><title>A pier</title>{head}</head><body><p>{text}</p>"

    return make


@pytest.fixture
def make_identified():
    """Build an identified entry of a feed; every field of the entry can be set by name."""

    def make(**changes):
        fields = {
            "key": "https://town.example/feed#1",
            "input_kind": "rss",
            "url": "https://town.example/story-1",
            "guid": "",
            "feed_url": "https://town.example/feed",
            "source_name": "",
            "source_url": "",
            "origin_publisher": "",
            "title": "A pier for Pellworth",
            "summary": "The council voted.",
            "content": "",
            "content_type": "html",
            "authors": (),
            "image_url": "",
            "language": "",
            "published": "",
            "published_source": "",
            "received_at": NOON,
        }
        entry = Entry(**(fields | changes))
        return Identified(entry, f"article of {entry.url}", canonical_url(entry.url), 1)

    return make


@pytest.fixture
def refusal():
    """``refusal(call)``: the reason of the RejectError that ``call`` raises."""

    def reason_of(call, *arguments):
        with pytest.raises(RejectError) as caught:
            call(*arguments)
        return caught.value.reason

    return reason_of

"""What is sent: a CloudEvent for programs, or a text for a chat; equal news give equal bytes."""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.report.wording import clean_line, web_link
from schemas import Event
from schemas.alert import ALERT_TYPE, BREAKING, ENDED

_SOURCE, _SPECVERSION = "/newsevents", "1.0"
_TITLE_CHARS, _SUMMARY_CHARS, _WORD_CHARS = 300, 1200, 100
_MOST_WORDS, _MOST_NAMES, _MOST_LANGUAGES, _MOST_REASONS = 10, 10, 20, 30
_MOST_EVENT_IDS = 50
_MOST_NOTICES, _MOST_CHAT_NOTICES = 20, 3
_CHAT_SUMMARY_CHARS, _CHAT_LINK_CHARS = 400, 500
_BARE_HOST = re.compile(r"\b(www)\.", re.IGNORECASE)
_CONTENT_TYPES = {
    "cloudevents": "application/cloudevents+json; charset=utf-8",
    "slack": "application/json; charset=utf-8",
}
_WORDS = {
    "broke": "it broke",
    "state": "its state changed",
    "merged": "another event was merged with it",
    "joined": "it goes on as another alert",
    "title": "it has a new headline",
    "grew": "more publishers report it",
    "retracted": "a report was taken back",
    "corrected": "a report was corrected",
    "closed": "nothing new came for long",
}


@dataclass(frozen=True)
class NoticeTold:
    """An article of the event that was corrected or taken back."""

    article_id: str
    kind: str  # see schemas.notice
    title: str
    evidence: str


@dataclass(frozen=True)
class News:
    """One revision of an alert, before it is put into a form."""

    key: str
    alert_id: str
    revision: int
    kind: str  # one of ALERT_KINDS
    why: tuple[str, ...]
    event: Event
    previous_event_ids: tuple[str, ...]
    url: str  # of the representative article; "" when it has none
    merged_into: str = ""  # the alert that goes on in the place of this one
    notices: tuple[NoticeTold, ...] = ()  # that are new


def content_type(form: str) -> str:
    """Name the media type of a format."""
    return _CONTENT_TYPES[form]


def body_of(news: News, form: str) -> str:
    """Put news into the form of a sink."""
    content = _chat(news) if form == "slack" else _cloud_event(news)
    return json.dumps(
        content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def title_of(event: Event) -> str:
    """Give an event's title as one line that is safe to show."""
    return clean_line(event.title, _TITLE_CHARS)


def _cloud_event(news: News) -> dict[str, Any]:
    event = news.event
    return {
        "id": news.key,
        "source": _SOURCE,
        "specversion": _SPECVERSION,
        "type": ALERT_TYPE + news.kind,
        "subject": news.alert_id,
        "time": _written(event.counts_as_of),
        "datacontenttype": "application/json",
        "data": {
            "alert_id": news.alert_id,
            "revision": news.revision,
            "why": list(news.why),
            "event_id": event.event_id,
            "event_revision": event.revision,
            "previous_event_ids": list(news.previous_event_ids[-_MOST_EVENT_IDS:]),
            "merged_into_alert": news.merged_into or None,
            "status": event.status,
            "state": event.breaking_state,
            "breaking_since": _written(event.breaking_since),
            "score": _number(event.breaking_score),
            "reasons": [
                {
                    "code": clean_line(reason.code, _WORD_CHARS),
                    "value": _number(reason.value),
                    "threshold": _number(reason.threshold),
                    "passed": reason.passed,
                }
                for reason in event.breaking_reasons[:_MOST_REASONS]
            ],
            "title": title_of(event),
            "summary": clean_line(event.summary, _SUMMARY_CHARS),
            "url": web_link(news.url) or None,
            "notices": [_notice(notice) for notice in news.notices[:_MOST_NOTICES]],
            **_content(event),
        },
    }


def _notice(notice: NoticeTold) -> dict[str, Any]:
    return {
        "article_id": notice.article_id,
        "kind": notice.kind,
        "title": clean_line(notice.title, _TITLE_CHARS),
        "evidence": clean_line(notice.evidence, _TITLE_CHARS),
    }


def _content(event: Event) -> dict[str, Any]:
    return {
        "articles": event.article_count,
        "unique_articles": event.unique_article_count,
        "corrected_articles": event.correction_count,
        "retracted_articles": event.retraction_count,
        "publisher_families": event.publisher_family_count,
        "articles_60m": event.articles_60m,
        "publisher_families_60m": event.families_60m,
        "keywords": [clean_line(word.term, _WORD_CHARS) for word in event.keywords[:_MOST_WORDS]],
        "entities": [
            {"text": clean_line(name.text, _WORD_CHARS), "count": name.count}
            for name in event.entities[:_MOST_NAMES]
        ],
        "languages": [
            {"code": language.code, "count": language.count}
            for language in event.languages[:_MOST_LANGUAGES]
        ],
        "first_seen_at": _written(event.first_seen_at),
        "last_seen_at": _written(event.last_seen_at),
    }


def _chat(news: News) -> dict[str, Any]:
    """Write a message for Slack and what takes the same; it cannot be changed once it is there."""
    event = news.event
    title = _chat_text(title_of(event))
    link = web_link(news.url)
    if link and len(link) <= _CHAT_LINK_CHARS:
        title = f"<{_chat_link(link)}|{title.replace('|', '¦')}>"
    since = f", since {event.breaking_since:%Y-%m-%d %H:%M} UTC" if event.breaking_since else ""
    lines = [
        f"{_heading(news)}: {title}",
        f"{_of(event.publisher_family_count, 'publisher')}, {_of(event.article_count, 'article')}"
        f"{since}; score {event.breaking_score:.2f}",
        *(
            _chat_text(
                clean_line(f"{notice.kind}: {notice.title or notice.evidence}", _TITLE_CHARS)
            )
            for notice in news.notices[:_MOST_CHAT_NOTICES]
        ),
        _chat_text(clean_line(event.summary, _CHAT_SUMMARY_CHARS)),
        f"alert {_chat_text(news.alert_id)}, revision {news.revision}",
    ]
    text = "\n".join(line for line in lines if line)
    return {"text": text, "unfurl_links": False, "unfurl_media": False}


def _heading(news: News) -> str:
    if news.kind == BREAKING:
        return "BROKE, FADING" if news.event.breaking_state == "fading" else "BREAKING"
    why = "; ".join(_WORDS.get(code, code) for code in news.why)
    return f"ENDED ({why})" if news.kind == ENDED else f"UPDATE ({why})"


def _chat_text(text: str) -> str:
    """Keep what others wrote from being taken for markup, a link or a call for people."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign, apart in (("@", "@\u200b"), ("://", ":\u200b//"), ("](", "]\u200b(")):
        plain = plain.replace(sign, apart)
    return _BARE_HOST.sub("\\1\u200b.", plain)


def _chat_link(url: str) -> str:
    for character in '<>|`"':
        url = url.replace(character, f"%{ord(character):02X}")
    return url.replace("&", "&amp;")


def _of(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _written(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None

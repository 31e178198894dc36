"""In which way a dead letter is tried again."""

from datetime import datetime, timezone

import pytest

from pipelines.replay.hearing import FAILED_AGAIN, KNOWN, NOTHING_CAME, SUCCEEDED, Hearing
from pipelines.replay.items import items_of
from pipelines.replay.letters import (
    ASK,
    PAYLOAD,
    READ,
    Known,
    Letter,
    Wanted,
    local_feeds,
    needs_payload,
    plan,
)
from transforms.read.origin import Limits

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
NOTHING = Known({}, {})


def letter(key, stage="read", reason="http_status", replayable=True, at=NOON):
    return Letter(stage, key, reason, "0" * 64, at, replayable, ("dead_letters/x", 0))


def way(key, known=NOTHING, payload=None, **more):
    one = letter(key, **more)
    (found,) = plan([one], {key: payload} if payload is not None else {}, known)
    return found


@pytest.mark.parametrize("part", ["", "#guid-7", "#https://a.example/x#y"])
def test_a_feed_and_its_items_are_tried_by_asking_the_feed(part):
    found = way(f"https://a.example/feed?x=1{part}")
    assert (found.way, found.source) == (ASK, "https://a.example/feed?x=1")


@pytest.mark.parametrize(
    "key",
    [
        "https://evil.example/?leak=${ALERT_SECRET}",
        "https://evil.example/$HOME",
        'https://evil.example/feed every=1s header="X-A: ${TOKEN}"',
        "https://a.example/feed?key=REDACTED",
        "https://user:word@a.example/feed",
        "ftp://a.example/feed",
        "file://elsewhere/etc/passwd",
        "../../etc/passwd",
        "",
    ],
)
def test_an_address_that_a_stranger_could_have_made_up_is_neither_resolved_nor_asked(key):
    found = way(key)
    assert (found.way, found.source) == ("", "")
    assert found.why


def test_a_listed_feed_is_asked_with_its_own_line():
    line = 'https://a.example/feed?key=${KEY} header="Authorization: Bearer ${TOKEN}"'
    known = Known({"https://a.example/feed?key=REDACTED": line}, {})
    found = way("https://a.example/feed?key=REDACTED#item", known)
    assert (found.way, found.source) == (ASK, line)


def test_a_local_feed_is_asked_as_the_feed_it_is(tmp_path):
    path = tmp_path / "feed.xml"
    known = Known({}, local_feeds([str(path), "https://a.example/feed", "bad\0name"]))
    found = way(path.as_uri(), known)
    assert (found.way, found.source) == (ASK, str(path))


def test_a_file_that_is_there_is_read_and_a_line_comes_from_its_letter(tmp_path):
    path = tmp_path / "a b#1.jsonl"
    path.write_text("{}\n")
    assert way(path.as_uri()).way == READ
    assert way(f"{path.as_uri()}#L2").way == READ
    found = way(f"{path.as_uri()}#L2", payload=b"{}")
    assert (found.way, found.payload) == (PAYLOAD, b"{}")


@pytest.mark.parametrize(
    ("key", "stage", "needed"),
    [
        ("file:///gone.jsonl#L2", "read", True),
        ("file:///gone.jsonl#L2", "parse", True),
        ("file:///gone.jsonl#L2", "extract", False),  # its title and date are not in it
        ("file:///gone.jsonl#L2#guid", "parse", False),
        ("file:///gone.warc#record-2", "read", False),
        ("file:///gone.txt", "parse", True),
        ("file:///gone.gz", "read", False),  # what could be unpacked is not all of it
        ("https://a.example/feed", "parse", False),
    ],
)
def test_a_payload_is_used_only_where_it_is_the_item_as_it_came(key, stage, needed):
    assert needs_payload(letter(key, stage)) is needed


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted(reasons=frozenset({"http_status"})), True),
        (Wanted(reasons=frozenset({"empty"})), False),
        (Wanted(stages=frozenset({"read"}), since=NOON), True),
        (Wanted(stages=frozenset({"parse"})), False),
        (Wanted(since=NOON.replace(hour=13)), False),
    ],
)
def test_letters_are_taken_that_fit_all_that_is_asked(wanted, taken):
    assert wanted.takes(letter("https://a.example/")) is taken


def test_only_a_named_reason_takes_what_is_not_replayable():
    one = letter("https://a.example/", replayable=False)
    assert not Wanted().takes(one)
    assert Wanted(reasons=frozenset({"http_status"})).takes(one)


@pytest.mark.parametrize(
    "payload", [b"{broken", b"\xff\xfe\x00", b"[1, 2]", b"null", b"PK\x03\x04"]
)
def test_a_line_that_is_no_object_is_refused_again_under_its_own_key(payload):
    one = letter("file:///gone.jsonl#L7", reason="broken_json")
    (found,) = items_of(one, payload, Limits())
    assert (found.key, found.reason) == ("file:///gone.jsonl#L7", "broken_json")
    assert found.first_failed_at == NOON


def test_a_line_comes_with_the_key_address_and_time_of_its_letter():
    (found,) = items_of(letter("file:///gone.jsonl#L7"), b'{"title": "A"}', Limits())
    assert (found.key, found.url) == ("file:///gone.jsonl#L7", "file:///gone.jsonl")
    assert (found.kind, found.input_kind, found.received_at) == ("json", "jsonl", NOON)


@pytest.mark.parametrize(
    ("heard", "outcome"),
    [
        ([], NOTHING_CAME),
        ([("u#1", SUCCEEDED), ("u#2", FAILED_AGAIN)], SUCCEEDED),
        ([("u#1", KNOWN)], KNOWN),
        ([("u#1", FAILED_AGAIN)], FAILED_AGAIN),
        ([("u#1", SUCCEEDED), ("u", FAILED_AGAIN)], FAILED_AGAIN),
        ([("other", SUCCEEDED)], NOTHING_CAME),
    ],
)
def test_a_feed_succeeded_when_something_came_and_it_was_not_refused_itself(heard, outcome):
    hearing = Hearing(frozenset({"u", "v#1"}))
    for key, what in heard:
        hearing.note(key, what)
    assert hearing.outcome("u") == outcome

import json

import pytest

from transforms._shared.rejects import RejectError
from transforms.parse.json_feed import parse_json_feed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"items": []}, "empty_feed"),
        ({"items": {}}, "not_a_feed"),
        ({}, "not_a_feed"),
        ([], "not_a_feed"),
        (None, "not_a_feed"),
    ],
    ids=str,
)
def test_what_has_no_items_is_refused(value, reason, make_document):
    with pytest.raises(RejectError) as caught:
        parse_json_feed(make_document(json.dumps(value), "json_feed"))
    assert caught.value.reason == reason


def test_items_beyond_the_limit_are_one_loss(make_document):
    content = json.dumps({"items": [{"title": "A"}, {"title": "B"}, {"title": "C"}]})
    found = parse_json_feed(make_document(content, "json_feed"), max_entries=2)
    assert [entry.title for entry in found.entries] == ["A", "B"]
    assert [loss.error.reason for loss in found.losses] == ["too_many_entries"]


def test_the_url_is_preferred_to_the_external_one(make_document):
    item = {"title": "A", "url": "https://a.example/", "external_url": "https://b.example/"}
    content = json.dumps({"items": [item]})
    (entry,) = parse_json_feed(make_document(content, "json_feed")).entries
    assert entry.url == "https://a.example/"


def test_a_number_as_id_is_no_link(make_document):
    content = json.dumps(
        {"home_page_url": "https://a.example/", "items": [{"id": 5, "title": "A"}]}
    )
    (entry,) = parse_json_feed(make_document(content, "json_feed")).entries
    assert entry.url == "file:///in/item#!5"


@pytest.mark.parametrize(
    ("home", "source_url"),
    [
        ("https://a.example/?apikey=S1", "https://a.example/?apikey=REDACTED"),
        ("file:///a", ""),
        (None, ""),
    ],
)
def test_the_home_page_is_the_home_of_the_source(home, source_url, make_document):
    content = json.dumps({"home_page_url": home, "items": [{"title": "A"}]})
    (entry,) = parse_json_feed(make_document(content, "json_feed")).entries
    assert entry.source_url == source_url


def test_keys_hold_no_secrets_but_tell_items_apart(make_document):
    items = [{"id": f"https://a.example/i?token=S{number}"} for number in (1, 2)]
    content = json.dumps({"items": [{"title": "A", **items[0]}, items[1]]})
    found = parse_json_feed(make_document(content, "json_feed"))
    keys = [found.entries[0].key, found.losses[0].key]
    assert all(key.startswith("file:///in/item#https://a.example/i?token=RED") for key in keys)
    assert not any("S1" in key or "S2" in key for key in keys)
    assert keys[0] != keys[1]
    assert found.entries[0].guid == items[0]["id"]

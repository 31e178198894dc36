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

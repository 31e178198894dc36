import json

import pytest

from transforms._shared.rejects import RejectError
from transforms.parse import json_record
from transforms.parse.json_record import parse_json_record


@pytest.fixture
def parse(make_document):
    def _parse(value, **changes):
        content = value if isinstance(value, (str, bytes)) else json.dumps(value)
        return parse_json_record(make_document(content, "json", **changes))

    return _parse


@pytest.mark.parametrize(
    ("record", "field", "value"),
    [
        ({"headline": "H &amp; M"}, "title", "H & M"),
        ({"name": "N"}, "title", "N"),
        ({"title": "", "headline": "H"}, "title", "H"),
        ({"articleBody": "B"}, "content", "B"),
        ({"article_text": ["one", "two"]}, "content", "one\n\ntwo"),
        ({"body": {"@value": "V"}}, "content", "V"),
        ({"content": "<p>x</p>"}, "content_type", "html"),
        ({"content": "<!doctype html><p>x"}, "content_type", "page"),
        ({"content_html": "x"}, "content_type", "html"),
        ({"abstract": "A"}, "content", "A"),
        ({"permaLink": "https://a.example/"}, "url", "https://a.example/"),
        ({"canonical_link": "https://a.example/"}, "url", "https://a.example/"),
        ({"guid": "https://a.example/g"}, "url", "https://a.example/g"),
        ({"link": "javascript:x"}, "url", "file:///in/item"),
        ({"uri": "urn:7"}, "guid", "urn:7"),
        ({"id": 7}, "guid", "7"),
        ({"publishedAt": "2026-03-01 10:00"}, "published", "2026-03-01 10:00"),
        ({"timestamp": 1772359200}, "published", "2026-03-01T10:00:00+00:00"),
        ({"timestamp": "1772359200000"}, "published", "2026-03-01T10:00:00+00:00"),
        ({"date": {"$date": "2026-03-01"}}, "published", "2026-03-01"),
        ({"date": True}, "published", ""),
        ({"inLanguage": {"name": "German"}}, "language", "German"),
        ({"source": {"id": None, "name": "S"}}, "source_name", "S"),
        ({"publisher": "P"}, "source_name", "P"),
        ({"byline": "By A"}, "authors", ("By A",)),
        ({"authors": ["A", {"name": "B"}, 3, None, "A"]}, "authors", ("A", "B")),
        ({"urlToImage": "https://i.example/a.png"}, "image_url", "https://i.example/a.png"),
        ({"image": {"url": "https://i.example/a.png"}}, "image_url", "https://i.example/a.png"),
        ({"image": "relative.png"}, "image_url", ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_usual_spellings_are_understood(record, field, value, parse):
    (entry,) = parse({"title": "T", **record} if field != "title" else record).entries
    assert getattr(entry, field) == value


def test_a_single_record_keeps_the_key_and_kind_of_its_document(parse):
    (entry,) = parse(
        {"id": "x", "title": "T"}, key="file:///a.jsonl#L3", input_kind="jsonl"
    ).entries
    assert (entry.key, entry.guid, entry.input_kind) == ("file:///a.jsonl#L3", "x", "jsonl")
    assert entry.feed_url == ""


@pytest.mark.parametrize("name", ["articles", "items", "results", "stories", "data", "@graph"])
def test_a_list_inside_an_object_is_unwrapped(name, parse):
    found = parse({"title": "The whole list", name: [{"title": "A"}, {"title": "B"}]})
    assert [entry.title for entry in found.entries] == ["A", "B"]


def test_an_article_that_has_items_of_another_sort_stays_one_article(parse):
    assert len(parse({"title": "T", "items": ["pen", "ink"]}).entries) == 1
    assert len(parse({"text": "T", "items": [{"title": "related"}]}).entries) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ('{"title": 1' + "0" * 5000 + "}", "invalid_json"),
        ("[]", "empty_list"),
        ('{"articles": []}', "empty_list"),
        ("3", "not_an_object"),
        ('"text"', "not_an_object"),
        ('{"a": 1}', "no_article_fields"),
        ("{}", "no_article_fields"),
        (b"\x01\x02\x03\x04" * 9, "undecodable"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_holds_no_article_is_refused(content, reason, parse):
    with pytest.raises(RejectError) as caught:
        parse(content)
    assert caught.value.reason == reason


def test_the_refusal_names_at_most_ten_fields(parse):
    with pytest.raises(RejectError) as caught:
        parse({f"field{number}": 1 for number in range(30)})
    assert "field9" in caught.value.message
    assert "field10" not in caught.value.message


def test_half_surrogates_and_zeros_are_dropped(parse):
    (entry,) = parse('{"title": "a\\ud800b\\u0000c", "text": "\\ud83d\\ude00"}').entries
    assert (entry.title, entry.content) == ("abc", "😀")


def test_records_beyond_the_limit_are_one_loss(parse, monkeypatch):
    monkeypatch.setattr(json_record, "MAX_RECORDS", 2)
    found = parse([{"title": "A"}, {"title": "B"}, {"title": "C"}])
    assert len(found.entries) == 2
    assert [loss.error.reason for loss in found.losses] == ["too_many_entries"]

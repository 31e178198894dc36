"""What holds for every parser, whatever it is given."""

import json
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.document import DOCUMENT_KINDS
from schemas.ids import is_web_url
from transforms._shared.rejects import RejectError
from transforms.parse.document import parse_document
from transforms.parse.found import MAX_KEY_CHARS

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

XML_PIECES = st.sampled_from(
    [
        "<rss>", "<channel>", "<item>", "</item>", "<title>", "</title>", "</rss>", "<entry>",
        "<feed xmlns='http://www.w3.org/2005/Atom'>", "<link href='x'/>", "<link>", "<author>",
        "</author>", "<![CDATA[", "]]>", "<!--", "-->", "&", "&lt;", "&#0;", "&#xD800;", "&nbsp;",
        ">", "<source>", "<authors>", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "<dc:date>", "10:00", "é",
        "<pubDate>", "<content type='xhtml'><div>", "<media:content url='//[x'/>", "<?xml?>", "<>",
        "<guid>", "http://[", "<itunes:owner>", "<urlset>", "<url>", "<loc>", "<html>", "\0",
        "<meta charset=", "<", "<a ", "@b.c",
    ]
)  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                "title text url id items articles date author image source content_html language "
                "summary @graph @type name authors published guid $date".split()
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


def _check(document):
    try:
        found = parse_document(document, max_entries=50)
    except RejectError as error:
        assert error.reason
        assert error.message
        return
    assert found.entries or found.losses
    for entry in found.entries:
        json.dumps(asdict(entry), default=str).encode("utf-8")
        "".join(str(value) for value in asdict(entry).values()).encode("utf-8")
        assert len(entry.key) <= max(MAX_KEY_CHARS, len(document.key))
        assert is_web_url(entry.url) or entry.url.startswith(document.url)
        assert entry.content_type in ("text", "html", "page")
        assert "\n" not in entry.title
        assert bool(entry.published) == bool(entry.published_source)


@pytest.mark.parametrize("kind", DOCUMENT_KINDS)
@FUZZ
@given(content=st.binary(max_size=300))
def test_any_bytes_give_entries_or_a_refusal(kind, content, make_document):
    _check(make_document(content, kind))


@pytest.mark.parametrize("kind", ["feed", "news_sitemap", "html"])
@FUZZ
@given(pieces=st.lists(XML_PIECES, max_size=30))
def test_any_markup_gives_entries_or_a_refusal(kind, pieces, make_document):
    _check(make_document("<rss>" + "".join(pieces), kind))


@pytest.mark.parametrize("kind", ["json", "json_feed"])
@FUZZ
@given(value=JSON_VALUES)
def test_any_json_gives_entries_or_a_refusal(kind, value, make_document):
    _check(make_document(json.dumps(value), kind))


@FUZZ
@given(
    lines=st.lists(
        st.sampled_from(
            [
                "From: a <b@c>", "Date: x", "Content-Type: multipart/mixed; boundary=b", "--b",
                "Content-Type: text/html; charset=x", "Content-Transfer-Encoding: base64", "",
                "Content-Type: message/rfc822", "Subject: =?utf-8?b?////?=", "--b--", "é",
                "=?x?b?y?=", " folded",
            ]
        ),
        max_size=25,
    )
)  # fmt: skip
def test_any_message_gives_entries_or_a_refusal(lines, make_document):
    _check(make_document("Subject: S\n" + "\n".join(lines), "email"))


@pytest.mark.parametrize("kind", ["html", "text", "json"])
def test_what_was_asked_for_as_a_feed_and_is_none_is_refused(kind, make_document):
    with pytest.raises(RejectError) as caught:
        parse_document(make_document("<html>Log in</html>", kind, input_kind="feed"), 10)
    assert caught.value.reason == "not_a_feed"


def test_an_unknown_kind_is_refused(make_document):
    with pytest.raises(RejectError) as caught:
        parse_document(make_document("x", "picture"), 10)
    assert caught.value.reason == "unsupported"


def test_text_is_handed_on_whole_and_without_a_title(make_document):
    (entry,) = parse_document(make_document("Title?\n\nBody."), 10).entries
    assert (entry.title, entry.content, entry.content_type) == ("", "Title?\n\nBody.", "text")
    assert entry.key == entry.url == "file:///in/item"


@pytest.mark.parametrize("content", [b"", b" \n", "\ufeff \u2003".encode()])
def test_empty_text_is_refused(content, make_document):
    with pytest.raises(RejectError) as caught:
        parse_document(make_document(content), 10)
    assert caught.value.reason == "empty"

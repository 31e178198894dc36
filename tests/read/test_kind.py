import codecs
import gzip

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms.read.kind import recognise

RSS = '<rss version="2.0"><channel><title>Harbour news</title></channel></rss>'
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>Harbour news</title></feed>'
RDF = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns="http://purl.org/rss/1.0/"><channel rdf:about="x"/></rdf:RDF>'
)
NEWS_SITEMAP = (
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    ' xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"><url/></urlset>'
)
PROLOG = '<?xml version="1.0"?>\n<!-- made by <rss> & hand -->\n<!DOCTYPE x [<!ENTITY a "b>">]>\n'
ERROR_PAGE = "<!DOCTYPE html>\n<html><head><title>503</title></head><body>Sorry</body></html>"
MAIL = "Return-Path: <a@b.example>\r\nSubject: Ferry\r\n late\r\n\r\nThe ferry is late.\r\n"
JSON_FEED = '{"version": "https://jsonfeed.org/version/1.1", "items": []}'
PRETTY = '{\n  "title": "Ferry",\n  "tags": [\n    {"name": "sea"}\n  ]\n}\n'
LINES = '{"title": "One"}\n{"title": "Two"}\n'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param(RSS, "feed", id="rss"),
        pytest.param(ATOM, "feed", id="atom"),
        pytest.param(RDF, "feed", id="rdf"),
        pytest.param(PROLOG + RSS, "feed", id="prolog-comment-doctype"),
        pytest.param("\n\n" + PROLOG + ATOM, "feed", id="blank-lines-first"),
        pytest.param("<!DOCTYPE html><rss><channel/></rss>", "feed", id="feed-with-html-doctype"),
        pytest.param(f"<html><body>\n{ATOM}</body></html>", "feed", id="feed-wrapped-in-a-page"),
        pytest.param('<rss version="2.0">\n</rss', "feed", id="feed-cut-off"),
        pytest.param(
            '<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
            "xml",
            id="rdf-that-is-no-feed",
        ),
        pytest.param(PROLOG + "<opml version='2.0'><body/></opml>", "opml", id="opml"),
        pytest.param(PROLOG + NEWS_SITEMAP, "news_sitemap", id="news-sitemap"),
        pytest.param(
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url/></urlset>',
            "sitemap",
            id="sitemap-without-news",
        ),
        pytest.param(
            "<sitemapindex><sitemap/></sitemapindex>", "sitemap_index", id="sitemap-index"
        ),
        pytest.param('<?xml version="1.0"?><svg></svg>', "xml", id="other-xml"),
        pytest.param('<?xml version="1.0"?><article/>', "xml", id="xml-article-is-no-html"),
        pytest.param("<note>no prolog</note>", "xml", id="other-xml-without-prolog"),
        pytest.param("<!-- nothing else -->", "xml", id="comment-only"),
        pytest.param("<!-- draft -->\nThe ferry is late.", "text", id="comment-then-prose"),
        pytest.param("<3 letters from the harbour", "text", id="text-with-angle-bracket"),
        pytest.param("<Harbour> the ferry is late", "text", id="bracketed-word"),
        pytest.param(ERROR_PAGE, "html", id="html-error-page"),
        pytest.param("<p>The ferry is late.</p>", "html", id="html-fragment"),
        pytest.param("<?xml version='1.0'?>\n" + ERROR_PAGE, "html", id="xhtml-with-prolog"),
        pytest.param(
            "<br />\n<b>Warning</b>: late\n" + PROLOG[:22] + RSS, "feed", id="junk-tags-before-feed"
        ),
        pytest.param("Warning: late\n" + PROLOG[:22] + RSS, "feed", id="junk-before-feed"),
        pytest.param("Warning: disk full\n" + ERROR_PAGE, "html", id="junk-before-html"),
        pytest.param(MAIL, "email", id="mail"),
        pytest.param(MAIL + "\r\n<html><body>Late.</body></html>", "email", id="mail-with-page"),
        pytest.param('{"page": "x"}\n<html>\n' + LINES, "jsonl", id="json-lines-with-page"),
        pytest.param("The ferry\n" * 300 + ERROR_PAGE, "text", id="page-far-down-a-text"),
        pytest.param("From a@b Mon Jun  1\n" + MAIL, "email", id="mailbox-line-before-mail"),
        pytest.param("Note: one\nSubject: Ferry\n\nThe ferry.", "text", id="one-mail-field"),
        pytest.param("Subject: Ferry\nDate: Monday\nThe ferry.\n\n", "text", id="prose-in-header"),
        pytest.param("Subject: Ferry\nDate: Monday", "text", id="header-without-end"),
        pytest.param("LONDON: The ferry is late.\n\nMore.", "text", id="first-line-with-colon"),
        pytest.param(JSON_FEED, "json_feed", id="json-feed"),
        pytest.param(JSON_FEED.replace("/", r"\/"), "json_feed", id="json-feed-escaped"),
        pytest.param(
            '{"title": "x", "about": {"version": "https://jsonfeed.org/version/1"}}',
            "json",
            id="json-feed-only-mentioned",
        ),
        pytest.param('{"title": "Ferry"}', "json", id="json-one-line"),
        pytest.param('{"title": "Ferry"}\n', "json", id="json-one-line-ended"),
        pytest.param(PRETTY, "json", id="json-pretty"),
        pytest.param('{"a": [\n{"b": 1}\n]}', "json", id="json-with-an-object-per-line"),
        pytest.param('[{"title": "Ferry"}]', "json", id="json-array"),
        pytest.param('{"title": "Ferry", "te', "json", id="json-cut-off"),
        pytest.param("{}", "json", id="json-empty-object"),
        pytest.param(LINES, "jsonl", id="json-lines"),
        pytest.param(LINES.rstrip(), "jsonl", id="json-lines-last-not-ended"),
        pytest.param("\r\n" + LINES.replace("\n", "\r\n\r\n"), "jsonl", id="json-lines-crlf-blank"),
        pytest.param('{"title": broken\n' + LINES, "jsonl", id="json-lines-first-broken"),
        pytest.param("oops\n" + LINES, "jsonl", id="json-lines-first-is-junk"),
        pytest.param(LINES + "oops\n", "jsonl", id="json-lines-last-is-junk"),
        pytest.param("{Harbour} The ferry is late.\nMore.", "text", id="text-with-brace"),
        pytest.param('{"quoted"} said the captain', "text", id="text-with-quoted-brace"),
        pytest.param("[1] The ferry is late.", "text", id="text-with-footnote"),
        pytest.param("[1, 2] The ferry is late.", "text", id="text-with-two-footnotes"),
        pytest.param("[10,000 came] The ferry is late.", "text", id="text-with-bracketed-number"),
        pytest.param("[2024-05-01] The ferry is late.", "text", id="text-with-date"),
        pytest.param("[Update] The ferry is late.", "text", id="text-with-bracketed-word"),
        pytest.param("[[Harbour|Port]] ferry", "text", id="text-with-wiki-link"),
        pytest.param('["Quoted"] said the captain', "text", id="text-with-quoted-brackets"),
        pytest.param("{not json", "text", id="text-with-open-brace"),
        pytest.param("[" * 200_000, "json", id="json-nested-too-deeply"),
        pytest.param('[1,2,{"title":"t","text":"x"}', "json", id="json-array-cut-off"),
        pytest.param("[" * 100_000 + "]" * 99_999, "json", id="json-nested-unclosed"),
        pytest.param("[] The ferry is late.", "text", id="text-with-box"),
        pytest.param("[[1, 2], [3", "json", id="json-arrays-cut-off"),
        pytest.param('["One", "Tw', "json", id="json-strings-cut-off"),
        pytest.param('["One' + "x" * 2000, "json", id="json-long-string-cut-off"),
        pytest.param("[1, 2.5e3", "json", id="json-numbers-cut-off"),
        pytest.param('{"title', "json", id="json-cut-off-in-its-first-name"),
        pytest.param(
            '{"title": "One"}\n{bad\n{bad2\n{bad3\n{"title": "Two"}\n',
            "jsonl",
            id="json-lines-mostly-broken",
        ),
        pytest.param(
            '{"title": "One"}\n' + "junk\n" * 99 + LINES, "jsonl", id="json-lines-after-much-junk"
        ),
        pytest.param("Code:\n{\n  x\n}\nends", "text", id="text-with-code"),
        pytest.param("The ferry is late.", "text", id="text"),
        pytest.param(" \n\t\r\n", "empty", id="white-space"),
        pytest.param("", "empty", id="nothing"),
    ],
)
def test_text_is_recognised_by_its_beginning(text, kind):
    assert recognise(text.encode()) == kind
    assert recognise(codecs.BOM_UTF8 + text.encode()) == kind
    if text.strip():
        assert recognise(text.encode("utf-16")) == kind
        assert recognise(text.encode("utf-32")) == kind


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    ("text", "kind"), [(PROLOG + RSS, "feed"), (LINES, "jsonl"), ("Late ferry", "text")]
)
def test_wide_text_needs_no_byte_order_mark(encoding, text, kind):
    assert recognise(text.encode(encoding)) == kind


@pytest.mark.parametrize("encoding", ["big5", "euc_kr", "shift_jis", "koi8_r", "windows-1255"])
def test_legacy_encodings_are_text(encoding):
    words = {"big5": "新聞", "euc_kr": "뉴스", "shift_jis": "新聞", "koi8_r": "новости"}
    content = words.get(encoding, "חדשות").encode(encoding) * 50
    assert recognise(content) == "text"
    assert recognise(b"<?xml version='1.0' encoding='bogus'?><rss>" + content) == "feed"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"plain words " * 99, id="png"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"plain words " * 99, id="jpeg"),
        pytest.param(b"%PDF-1.7\nplain words", id="pdf"),
        pytest.param(b"PK\x03\x04plain words", id="zip"),
        pytest.param(b"\x7fELF" + b"plain words", id="elf"),
        pytest.param(b"RIFF\x10\0\0\0WEBPVP8 ", id="webp"),
        pytest.param(bytes(range(256)), id="every-byte"),
        pytest.param(b"header of a text file\n" + bytes(500), id="zeros-after-text"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(b"<p>" + bytes(range(32)) * 9, id="controls-after-a-tag"),
        pytest.param(codecs.BOM_UTF16_LE + b"\x01\x00\x02\x00" * 99, id="utf16-controls"),
        pytest.param(codecs.BOM_UTF16_LE + b"\x37\xe1\x90\xf2" * 99, id="utf16-private-use"),
    ],
)
def test_binary_data_is_not_text(content):
    assert recognise(content) == "binary"


def test_a_stray_control_character_does_not_make_text_binary():
    assert recognise(b"The ferry is late. " * 30 + b"\0\x08") == "text"


def test_prose_about_formats_is_not_taken_for_them():
    assert recognise(b"ID3 tags are old. BZh is bzip2's mark.") == "text"
    assert recognise(b"RIFF raff at the harbour") == "text"


def test_containers_are_known_by_their_first_bytes():
    assert recognise(gzip.compress(b"x")) == "gzip"
    assert recognise(b"WARC/1.0\r\nWARC-Type: warcinfo\r\n\r\n") == "warc"
    assert recognise(b"WARC/one is a format") == "text"


@pytest.mark.parametrize(
    ("content_type", "text", "kind"),
    [
        ("application/rss+xml", ERROR_PAGE, "html"),
        ("text/html", RSS, "feed"),
        ("application/json", RSS, "feed"),
        ("text/xml", "Notice: cache missed\n" + RSS, "feed"),
        ("text/plain", "How to begin a feed: write\n" + RSS, "text"),
        ("text/html", "<my-page>hello</my-page>", "html"),
    ],
)
def test_content_type_decides_only_what_the_content_leaves_open(content_type, text, kind):
    assert recognise(text.encode(), content_type) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param('{"title": "One"}\n{"tit', "jsonl", id="second-line-cut"),
        pytest.param('{"title": "One"', "json", id="first-line-cut"),
        pytest.param('{\n "title": "One",\n "te', "json", id="pretty-cut"),
        pytest.param(" " * 99, "text", id="only-space-so-far"),
    ],
)
def test_a_beginning_is_enough(head, kind):
    assert recognise(head.encode(), complete=False) == kind


_KINDS = {
    "text", "html", "json", "email", "feed", "json_feed", "news_sitemap", "gzip", "warc",
    "jsonl", "opml", "empty", "binary", "sitemap", "sitemap_index", "xml",
}  # fmt: skip
_BEGINNINGS = st.sampled_from(
    [b"", b"<", b"{", b"[{", b'{"a":', b"<?xml", b"<!--", b"<!DOCTYPE [", b"\xff\xfe", b"\xfe\xff",
     b"\0\0\0<", b"<\0\0\0", b"From: a\nTo: b\n", b"<urlset", b"{}\n{}\n", b"\xff\xfe\0\0"]
)  # fmt: skip


@settings(deadline=None)
@given(_BEGINNINGS, st.binary(max_size=300), st.booleans(), st.text(max_size=20))
@example(b"{", b'"a":' * 50_000, True, "")
@example(b"{", b'"a":{' * 50_000, True, "")
@example(b"\n" * 50_000, b"x", True, "")
@example(b"[", b" 1 ," * 50_000, True, "")
@example(b"[", b"[ " * 50_000, True, "")
@example(b"[", b" " * 50_000, True, "")
@example(b"[", b"1" * 50_000, True, "")
@example(b'["', b"\\\\" * 50_000, True, "")
def test_any_bytes_get_some_kind(beginning, rest, complete, content_type):
    assert recognise(beginning + rest, content_type, complete=complete) in _KINDS

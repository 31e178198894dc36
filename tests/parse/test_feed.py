"""Limits and defences of the feed parser; what feeds give is in test_golden.py."""

import time

import pytest

from transforms._shared.rejects import RejectError
from transforms.parse.feed import parse_feed
from transforms.parse.feed_text import MAX_TAGS, prepare
from transforms.parse.found import MAX_FEED_BYTES, MAX_KEY_CHARS

ITEM = "<item><title>T</title><link>https://a.example/1</link>{}</item>"
SIZE = 120_000


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param("<author>" + "a" * SIZE + "</author>", id="author"),
        pytest.param("<author><![CDATA[" + "a" * SIZE + "]]></author>", id="author-cdata"),
        pytest.param("<author>" + "&#97;" * (SIZE // 5) + "</author>", id="author-references"),
        pytest.param("<author>" + ("a" * 90 + "<b/>") * (SIZE // 94) + "</author>", id="pieces"),
        pytest.param("<author>" + "a" * SIZE + "<i></i></ author>", id="author-in-loose-markup"),
        pytest.param("<author/" + "a" * SIZE + "/", id="author-in-sgml-shorthand"),
        pytest.param("<dc_creator>" + "a" * SIZE + "</dc_creator>", id="creator-underscore"),
        pytest.param("".join(f"<category>{i}</category>" for i in range(9000)), id="categories"),
        pytest.param("<?a?> " * (SIZE // 6), id="instructions"),
        pytest.param(
            "<description><![CDATA[" + "<!--" * (SIZE // 4) + "]]></description>", id="html"
        ),
        pytest.param("<![CDATA[" * (SIZE // 9), id="open-cdata"),
        pytest.param("<!--" * (SIZE // 4), id="open-comments"),
        pytest.param("&" * SIZE, id="ampersands"),
    ],
)
def test_hostile_items_take_time_linear_in_their_length(inside, make_document, rss):
    began = time.process_time()
    found = parse_feed(make_document(rss(ITEM.format(inside)), "feed"))
    # The quadratic patterns need from twenty seconds to minutes for this length.
    assert time.process_time() - began < 5
    assert found.entries[0].title == "T"


def test_line_breaks_before_the_root_take_linear_time(make_document, rss):
    began = time.process_time()
    content = '<?xml version="1.0"?>' + "\n " * SIZE + "<!DOCTYPE rss>" + rss(ITEM.format(""))
    assert len(parse_feed(make_document(content, "feed")).entries) == 1
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("written", "authors"),
    [
        ("<author>desk@paper.online (Jo Berg)</author>", ("Jo Berg",)),
        ("<author>Jo Berg &lt;jo@paper.example&gt;</author>", ("Jo Berg",)),
        ("<author><![CDATA[Jo Berg <jo@paper.example>]]></author>", ("Jo Berg",)),
        ("<author>jo@paper.example</author>", ()),
        ("<author>Jo Berg</author><author>Al Roy</author>", ("Jo Berg", "Al Roy")),
        ("<author/><dc:creator>Al Roy</dc:creator>", ("Al Roy",)),
        ("<author>" + "Jo Berg " * 200 + "</author>", (("Jo Berg " * 200)[:500].strip(),)),
    ],
    ids=["rss", "angle-brackets", "cdata", "address-only", "two", "empty-element", "endless"],
)
def test_authors_are_names_without_addresses(written, authors, make_document, rss):
    (entry,) = parse_feed(make_document(rss(ITEM.format(written)), "feed")).entries
    assert tuple(author.strip() for author in entry.authors) == authors


def test_entities_that_multiply_are_refused(make_document, rss):
    doctype = f'<!DOCTYPE rss [<!ENTITY a "{"x" * 60}">]>'
    content = doctype + rss(ITEM.format(f"<description>{'&a;' * 9000}</description>"))
    with pytest.raises(RejectError) as caught:
        parse_feed(make_document(content, "feed"))
    assert caught.value.reason == "entity_declarations"


def test_many_entity_declarations_are_refused(make_document, rss):
    doctype = "<!DOCTYPE rss [" + '<!ENTITY a "b">' * 200 + "]>"
    with pytest.raises(RejectError) as caught:
        parse_feed(make_document(doctype + rss(ITEM.format("")), "feed"))
    assert caught.value.reason == "entity_declarations"


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "b"><!ENTITY x "&a;&a;">',
        '<!ENTITY x SYSTEM "file:///etc/passwd">',
        '<!ENTITY x PUBLIC "-//X//EN" "http://a.example/x">',
        f'<!ENTITY x "{"long " * 50}">',
    ],
    ids=["nested", "file", "public", "long"],
)
def test_an_entity_that_is_not_plain_text_is_refused_where_it_is_used(declared, make_document, rss):
    doctype = f"<!DOCTYPE rss [{declared}]>"
    with pytest.raises(RejectError) as caught:
        parse_feed(make_document(doctype + rss(ITEM.format("<author>&x;</author>")), "feed"))
    assert caught.value.reason == "entity_declarations"
    harmless = ITEM.format("<description><![CDATA[&x;]]> &a; &nbsp;</description><!-- &x; -->")
    assert parse_feed(make_document(doctype + rss(harmless), "feed")).entries


def test_a_declared_name_that_html_knows_is_harmless(make_document, rss):
    doctype = '<!DOCTYPE rss [<!ENTITY rsquo "&#8217;">]>'
    item = ITEM.format("<description>It&rsquo;s late</description>")
    (entry,) = parse_feed(make_document(doctype + rss(item), "feed")).entries
    assert entry.content == "It\u2019s late"


def test_a_doctype_hidden_behind_a_comment_with_a_tag_is_found(make_document, rss):
    doctype = '<!-- <a> --><!DOCTYPE rss [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>'
    content = doctype + rss(ITEM.format("<description>&c;</description>"))
    with pytest.raises(RejectError) as caught:
        parse_feed(make_document(content, "feed"))
    assert caught.value.reason == "entity_declarations"


def test_an_oversized_feed_is_refused(make_document):
    with pytest.raises(RejectError) as caught:
        parse_feed(make_document(b" " * (MAX_FEED_BYTES + 1), "feed"))
    assert caught.value.reason == "too_large"


def test_too_many_tags_are_refused(rss):
    with pytest.raises(RejectError) as caught:
        prepare(rss("<a>" * (MAX_TAGS + 1)), 10)
    assert caught.value.reason == "too_complex"


@pytest.mark.parametrize("root", ["rss", "feed", "rdf"])
def test_items_beyond_the_limit_are_one_loss(root, make_document, rss):
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
    items = "".join(f"<item><title>{number}</title></item>" for number in range(9))
    content = {
        "rss": rss(items),
        "feed": f'<feed xmlns="http://www.w3.org/2005/Atom">{items}</feed>'.replace(
            "item", "entry"
        ),
        "rdf": f"<rdf:RDF {rdf}><channel/>{items}</rdf:RDF>",
    }[root]
    found = parse_feed(make_document(content, "feed"), max_entries=4)
    assert [entry.title for entry in found.entries] == ["0", "1", "2", "3"]
    assert [loss.error.reason for loss in found.losses] == ["too_many_entries"]
    assert "9 entries" in found.losses[0].error.message
    assert found.notes == ()


def test_an_item_named_in_cdata_or_a_comment_is_not_counted(make_document, rss):
    decoys = "<!-- <item> --><description><![CDATA[<item><item>]]></description>"
    found = parse_feed(make_document(rss(ITEM.format(decoys)), "feed"), max_entries=1)
    assert (len(found.entries), found.losses) == (1, ())


def test_a_harmless_flaw_is_only_noted(make_document, rss):
    found = parse_feed(make_document(rss(ITEM.format("<b><i></b></i>")), "feed"))
    assert (len(found.entries), found.losses) == (1, ())
    assert found.notes == ("bozo_SAXParseException",)


def test_a_missing_last_bracket_is_no_loss(make_document, rss):
    found = parse_feed(make_document(rss(ITEM.format(""))[:-1], "feed"))
    assert (len(found.entries), found.losses, found.notes) == (1, (), ())


def test_a_long_guid_gives_a_key_of_bounded_length_that_is_still_its_own(make_document, rss):
    items = "".join(
        f"<item><title>T</title><guid isPermaLink='false'>{'g' * 900}{number}</guid></item>"
        for number in range(2)
    )
    first, second = parse_feed(make_document(rss(items), "feed")).entries
    assert len(first.key) == len(second.key) == MAX_KEY_CHARS
    assert first.key != second.key


def test_an_item_without_guid_and_link_keeps_its_address_when_others_come_before_it(
    make_document, rss
):
    item, newer = "<item><title>Old</title></item>", "<item><title>New</title></item>"
    before = parse_feed(make_document(rss(item), "feed")).entries[0]
    after = parse_feed(make_document(rss(newer + item), "feed")).entries[1]
    assert after.url == before.url
    assert after.key != before.key


@pytest.mark.parametrize(
    ("content", "appearance"),
    [
        ("<html><body>No</body></html>", "an HTML page;"),
        ("<html><title>Log  in</title></html>", 'an HTML page titled "Log in"'),
        ("Too many requests", 'text that begins "Too many requests"'),
        ('{"error": 403}', "text that begins"),
        ("<Error><Code>1</Code></Error>", "XML with the root element <Error>"),
        ("   ", "empty"),
    ],
)
def test_what_is_no_feed_is_described(content, appearance, make_document):
    with pytest.raises(RejectError) as caught:
        parse_feed(make_document(content, "feed"))
    assert caught.value.reason == "not_a_feed"
    assert appearance in caught.value.message


def test_a_feed_inside_a_page_is_found(make_document):
    feed = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>T</title></entry></feed>'
    found = parse_feed(make_document(f"<html><body>{feed}</body></html>", "feed"))
    assert [entry.input_kind for entry in found.entries] == ["atom"]
    assert found.losses == ()


@pytest.mark.parametrize(
    ("link", "source_url"),
    [
        ("<link>https://a.example/?token=S1</link>", "https://a.example/?token=REDACTED"),
        ("<link>mailto:a@a.example</link>", ""),
        ("", ""),
    ],
)
def test_the_feeds_own_link_is_the_home_of_the_source(link, source_url, make_document, rss):
    content = rss(f"{link}<item><title>A</title></item>")
    (entry,) = parse_feed(make_document(content, "feed", url="https://f.example/f")).entries
    assert entry.source_url == source_url


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("<ttl>15</ttl>", 900.0),
        ("<ttl> 60 </ttl>", 3600.0),
        ("<ttl>0</ttl>", None),
        ("<ttl>-5</ttl>", None),
        ("<ttl>soon</ttl>", None),
        ("<sy:updatePeriod>daily</sy:updatePeriod>", 86400.0),
        (
            "<sy:updatePeriod> Daily </sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            21600.0,
        ),
        ("<sy:updatePeriod>hourly</sy:updatePeriod>", None),
        ("<sy:updatePeriod>now</sy:updatePeriod>", None),
        ("", None),
    ],
)
def test_a_feed_says_how_often_it_changes(make_document, written, seconds):
    xml = (
        "<rss version='2.0' xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'><channel>"
        f"<title>T</title>{written}<item><title>a</title></item></channel></rss>"
    )
    assert parse_feed(make_document(xml, "feed")).update_seconds == seconds


def test_items_that_were_taken_back_are_counted(make_document):
    xml = (
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:at='http://purl.org/atompub/tombstones/1.0'>"
        "<title>T</title><at:deleted-entry ref='tag:a' when='2024-05-01T00:00:00Z'/>"
        "<entry><title>a</title><id>tag:b</id></entry></feed>"
    )
    found = parse_feed(make_document(xml, "feed"))
    assert (len(found.entries), found.deleted) == (1, 1)
    assert found.tombstones == (("tag:a", "2024-05-01T00:00:00Z"),)


def tombstones(*inside, before=""):
    return (
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:at='http://purl.org/atompub/tombstones/1.0'>"
        f"<title>T</title>{before}{''.join(inside)}</feed>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<!-- <at:deleted-entry ref='tag:a'/> -->",
        "<entry><id>a</id><summary><![CDATA[<at:deleted-entry ref='tag:a'/>]]></summary></entry>",
        "<entry><id>a</id><content type='xhtml'><at:deleted-entry ref='tag:a'/></content></entry>",
        "<entry><title>a</title><summary>&lt;at:deleted-entry ref='tag:a'/></summary></entry>",
        "<entry><title>a</title></entry><at:deleted-entry when='2024-05-01T00:00:00Z'/>",
        "<entry><title>a</title></entry><at:deleted-entry ref=''/>",
    ],
    ids=["comment", "CDATA", "inside an item", "escaped", "without ref", "empty ref"],
)
def test_what_only_looks_like_it_takes_nothing_back(make_document, text):
    entry = "<entry><title>b</title><id>b</id></entry>"
    assert parse_feed(make_document(tombstones(entry, text), "feed")).tombstones == ()


def test_an_id_of_a_deleted_item_is_read_as_that_of_an_item(make_document):
    ref = "https://a.example/?p=1&amp;q=2"
    xml = tombstones(
        f"<entry><title>a</title><id> {ref} </id></entry><at:deleted-entry\nref=' {ref}\n'/>"
    )
    found = parse_feed(make_document(xml, "feed"))
    assert found.tombstones == ((found.entries[0].guid, ""),)


def test_a_feed_with_nothing_but_deleted_items_is_no_error(make_document):
    found = parse_feed(make_document(tombstones("<at:deleted-entry ref='tag:a'/>"), "feed"))
    assert (found.entries, found.losses, found.deleted) == ((), (), 1)

from transforms.parse.feed import parse_feed
from transforms.parse.reading import read

FEED = "<rss version='2.0'><channel><title>T</title>{}</channel></rss>"


def marks(make_document, *links, guid="g{}"):
    items = "".join(
        f"<item><title>t{n}</title><guid>{guid.format(n)}</guid><link>{link}</link></item>"
        for n, link in enumerate(links)
    )
    document = make_document(FEED.format(items), "feed")
    return read(document, parse_feed(document)).items


def test_an_item_stays_itself_when_its_link_is_decorated(make_document):
    one = marks(make_document, "https://a.example/1?utm_campaign=x1")
    assert one == marks(make_document, "https://a.example/1?utm_campaign=x2", guid="other{}")
    assert one != marks(make_document, "https://a.example/2")


def test_items_of_one_address_are_told_apart(make_document):
    assert len(set(marks(make_document, "https://a.example/", "https://a.example/"))) == 2

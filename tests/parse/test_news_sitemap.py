import pytest

from transforms._shared.rejects import RejectError
from transforms.parse.news_sitemap import parse_news_sitemap

URLSET = (
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{}</urlset>'
)
URL = (
    "<url><loc>https://a.example/{0}</loc><news:news><news:title>{0}</news:title></news:news></url>"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (URLSET.format(""), "empty_feed"),
        (URLSET.format("<url><loc>https://a.example/</loc></url>"), "not_a_news_sitemap"),
        (URLSET.format("<url><loc>https://a.exa")[:-9], "truncated_feed"),
        ("", "truncated_feed"),
        ('<!DOCTYPE urlset [<!ENTITY a "b">]>' + URLSET.format(URL), "entity_declarations"),
    ],
    ids=["empty", "without-news", "cut", "nothing", "doctype"],
)
def test_what_names_no_news_is_refused(content, reason, make_document):
    with pytest.raises(RejectError) as caught:
        parse_news_sitemap(make_document(content, "news_sitemap"))
    assert caught.value.reason == reason


def test_addresses_beyond_the_limit_are_one_loss(make_document):
    content = URLSET.format("".join(URL.format(number) for number in range(5)))
    found = parse_news_sitemap(make_document(content, "news_sitemap"), max_entries=2)
    assert [entry.title for entry in found.entries] == ["0", "1"]
    assert [loss.error.reason for loss in found.losses] == ["too_many_entries"]


def test_another_encoding_than_utf_8_is_read(make_document):
    content = '<?xml version="1.0" encoding="koi8-r"?>' + URLSET.format(URL.format("Мост"))
    (entry,) = parse_news_sitemap(make_document(content.encode("koi8-r"), "news_sitemap")).entries
    assert entry.title == "Мост"

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms._shared.urls import canonical_url, registered_domain

ONE_ARTICLE = {
    "scheme": ("http://news.example.com/a", "https://news.example.com/a"),
    "case of scheme and host": ("HTTPS://News.Example.COM/a", "https://news.example.com/a"),
    "port 80": ("http://example.com:80/a", "https://example.com/a"),
    "port 443": ("https://example.com:443/a", "https://example.com/a"),
    "www": ("https://www.example.com/a", "https://example.com/a"),
    "www under an unlisted suffix": ("https://www.desk.intranet/a", "https://desk.intranet/a"),
    "www twice": ("https://www.www.example.com/a", "https://example.com/a"),
    "mobile host": ("https://m.example.co.uk/a", "https://example.co.uk/a"),
    "amp host": ("https://amp.example.com/a", "https://example.com/a"),
    "dot after the host": ("https://example.com./a", "https://example.com/a"),
    "user and password": ("https://bob:secret@example.com/a", "https://example.com/a"),
    "no path": ("https://example.com", "https://example.com/"),
    "trailing slash": ("https://example.com/a/", "https://example.com/a"),
    "double slashes": ("https://example.com//a///b", "https://example.com/a/b"),
    "dot segments": ("https://example.com/x/../a/./b", "https://example.com/a/b"),
    "too many dot segments": ("https://example.com/../../a", "https://example.com/a"),
    "index file": ("https://example.com/a/index.html", "https://example.com/a"),
    "index file in capitals": ("https://example.com/a/Default.aspx", "https://example.com/a"),
    "fragment": ("https://example.com/a#comments", "https://example.com/a"),
    "escaped letters": ("https://example.com/%61%7Eb", "https://example.com/a~b"),
    "case of escapes": ("https://example.com/%c3%a4", "https://example.com/%C3%A4"),
    "letters not escaped": ("https://example.com/ä", "https://example.com/%C3%A4"),
    "space in the path": ("https://example.com/a b", "https://example.com/a%20b"),
    "stray percent sign": ("https://example.com/100%", "https://example.com/100%25"),
    "escaped at sign": ("https://example.com/%40user/a", "https://example.com/@user/a"),
    "plus for a space": ("https://example.com/?q=a+b", "https://example.com/?q=a%20b"),
    "host in another script": ("https://münchen.example/a", "https://xn--mnchen-3ya.example/a"),
    "emoji host": ("https://☃.example/a", "https://xn--n3h.example/a"),
    "outer white space": ("  https://example.com/a\n", "https://example.com/a"),
    "order of parameters": ("https://example.com/a?b=2&a=1", "https://example.com/a?a=1&b=2"),
    "repeated parameter": ("https://example.com/a?a=1&a=1", "https://example.com/a?a=1"),
    "escaped ampersand": ("https://example.com/a?a=1&amp;b=2", "https://example.com/a?a=1&b=2"),
    "empty parameters": ("https://example.com/a?&&", "https://example.com/a"),
    "utm": ("https://example.com/a?utm_source=x&utm_medium=y", "https://example.com/a"),
    "utm in capitals": ("https://example.com/a?UTM_Source=x", "https://example.com/a"),
    "utm behind amp;": ("https://example.com/a?x=1&amp;utm_source=x", "https://example.com/a?x=1"),
    "utm glued on": ("https://example.com/a?id=1?utm_source=x", "https://example.com/a?id=1"),
    "facebook click": ("https://example.com/a?fbclid=Iw", "https://example.com/a"),
    "google click": ("https://example.com/a?gclid=x&dclid=y", "https://example.com/a"),
    "mailchimp": ("https://example.com/a?mc_cid=1&mc_eid=2", "https://example.com/a"),
    "bbc": ("https://example.com/a?at_medium=RSS&ns_mchannel=rss", "https://example.com/a"),
    "webtrends": ("https://example.com/a?WT.mc_id=x", "https://example.com/a"),
    "newspaper campaigns": (
        "https://example.com/a?smid=tw&sref=rss&ito=1490&ocid=x&cmpid=y",
        "https://example.com/a",
    ),
    "guardian campaign": ("https://example.com/a?CMP=share_btn_tw", "https://example.com/a"),
    "track=rss": ("https://example.com/a?track=rss", "https://example.com/a"),
    "ref is a host": ("https://example.com/a?ref=forum.example.org", "https://example.com/a"),
    "ref is a known word": ("https://example.com/a?ref=rss", "https://example.com/a"),
    "twitter card": ("https://example.com/a?__twitter_impression=true", "https://example.com/a"),
    "php session": ("https://example.com/a?PHPSESSID=0a1b", "https://example.com/a"),
    "session in the path": ("https://example.com/a;jsessionid=0A1B?b=1", "https://example.com/a?b=1"),
    "long sid": ("https://example.com/a?sid=0a1b2c3d4e5f6a7b8c9d", "https://example.com/a"),
    "amp path": ("https://example.com/2020/big-storm/amp/", "https://example.com/2020/big-storm"),
    "amp file": ("https://example.com/storm.amp.html", "https://example.com/storm.html"),
    "amp parameter": ("https://example.com/a?amp=1", "https://example.com/a"),
    "amp without a value": ("https://example.com/a?amp", "https://example.com/a"),
    "outputType": ("https://example.com/a?outputType=amp", "https://example.com/a"),
    "amp viewer": ("https://www.google.com/amp/s/www.example.com/a-1/amp", "https://example.com/a-1"),
    "google redirect": (
        "https://www.google.com/url?rct=j&sa=t&url=https%3A%2F%2Fexample.com%2Fa%3Fid%3D1%26b%3D2&ct=ga",
        "https://example.com/a?b=2&id=1",
    ),
    "amp cache": ("https://x.cdn.ampproject.org/c/s/example.com/a", "https://example.com/a"),
}  # fmt: skip

TWO_ARTICLES = {
    "case of the path": ("https://example.com/a", "https://example.com/A"),
    "id": ("https://example.com/a?id=1", "https://example.com/a?id=2"),
    "short id": ("https://example.com/?p=1", "https://example.com/?p=2"),
    "id without a name": ("https://example.com/a?1234", "https://example.com/a?1235"),
    "content id": ("https://example.com/a?cid=12", "https://example.com/a?cid=13"),
    "story id": ("https://example.com/a?sid=12", "https://example.com/a?sid=13"),
    "conference session": ("https://example.com/a?session=1", "https://example.com/a?session=2"),
    "gallery": ("https://example.com/a?gallery=1", "https://example.com/a?gallery=2"),
    "source": ("https://example.com/a?source=city", "https://example.com/a?source=county"),
    "ref is a file": ("https://example.com/a?ref=story-1.html", "https://example.com/a?ref=2"),
    "page": ("https://example.com/a?page=1", "https://example.com/a?page=2"),
    "language": ("https://example.com/a?lang=de", "https://example.com/a?lang=en"),
    "address in a parameter": (
        "https://example.com/live?id=5&back=https://example.com/",
        "https://example.com/live?id=6&back=https://example.com/",
    ),
    "amplifiers": ("https://example.com/guitars/amp", "https://example.com/guitars"),
    "amp with a value": ("https://example.com/a?amp=50w", "https://example.com/a"),
    "subdomain": ("https://uk.example.com/a", "https://example.com/a"),
    "port": ("https://example.com:8443/a", "https://example.com/a"),
    "script state": ("https://example.com/#!/a", "https://example.com/#!/b"),
    "order of one name's values": ("https://example.com/?a=1&a=2", "https://example.com/?a=2&a=1"),
    "escaped slash": ("https://example.com/a%2Fb", "https://example.com/a/b"),
    "escaped percent": ("https://example.com/%2541", "https://example.com/A"),
    "escaped ampersand": ("https://example.com/?a=1%26b=2", "https://example.com/?a=1&b=2"),
    "long tails": ("https://example.com/" + "a" * 3000 + "1", "https://example.com/" + "a" * 3000),
}  # fmt: skip

UNTOUCHED = {
    "file": "file:///srv/drop/a%20b.txt",
    "mail": "mailto:desk@example.com",
    "relative": "/news/1",
    "empty": "",
    "words": "not an address",
    "broken bracket": "https://[broken/a",
    "port out of range": "https://example.com:99999/a",
    "no host": "https:///a",
    "space in the host": "https://exa mple.com/a",
    "backslash in the host": "https://good.example\\@bad.example/a",
    "public suffix keeps www": "https://www.gov.uk/a",
    "www is the name": "https://www.com/a",
    "IPv6": "https://[::1]:8080/a",
}


@pytest.mark.parametrize(("given_url", "expected"), ONE_ARTICLE.values(), ids=ONE_ARTICLE)
def test_addresses_of_one_article_get_one_form(given_url: str, expected: str) -> None:
    assert canonical_url(given_url) == expected


@pytest.mark.parametrize(("one", "other"), TWO_ARTICLES.values(), ids=TWO_ARTICLES)
def test_addresses_of_two_articles_stay_apart(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize("url", UNTOUCHED.values(), ids=UNTOUCHED)
def test_other_addresses_come_back_as_they_are(url: str) -> None:
    assert canonical_url(f" {url} ") == url


PIECES = st.sampled_from(
    ["http://", "HTTPS://", "www.", "m.", "example.com", "google.com", "/amp/s/", "[", "]", ":80",
     "xn--", "ß", "%2", "%25", "%41", "%3B", ";jsessionid=1", "/", "//", "..", "/./", "?", "&",
     "amp;", "=", "utm_source=x", "ref=rss", "#", "#!", "/amp", ".amp", ".html", "index.html", "+",
     "\\", " ", "\x00", "\ud800", "id=1", "story-1", "@", ".cdn.ampproject.org/c/s/",
     "https://google.com/url?url=", "%26"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=14).map("".join)))
@example("https://google.com/amp/s/" * 7 + "example.com/a")
@example("https://e.example/index.amp.html/amp")
def test_canonical_form_is_its_own_canonical_form(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


PARAMETERS = ["id=1", "page=2", "b", "c=%41", "utm_source=x", "fbclid=y", "q=a+b"]


@given(st.permutations(PARAMETERS))
def test_order_of_differently_named_parameters_does_not_matter(parameters: list[str]) -> None:
    expected = "https://example.com/a?b&c=A&id=1&page=2&q=a%20b"
    assert canonical_url("https://example.com/a?" + "&".join(parameters)) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "https://example.com/" + ".amp" * 50_000 + "x",
        "https://example.com/?" + "?ref=rss" * 50_000,
        "https://example.com/?" + "amp;" * 50_000,
        "https://" + "www." * 50_000 + "example.com/",
        "https://example.com/a?ref=" + "a." * 100_000,
        "https://example.com/" + "../" * 100_000,
        "https://google.com/amp/s/" * 20_000,
        "https://google.com/url?url=" * 20_000,
        "https://google.com/url?" + "url=&" * 50_000,
    ],
    ids=["amp", "glued", "escaped", "labels", "ref", "dots", "viewers", "redirects", "urls"],
)
def test_long_hostile_addresses_are_handled_in_linear_time(hostile: str) -> None:
    canonical_url(hostile)  # quadratic handling would take minutes here


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("news.bbc.co.uk", "bbc.co.uk"),
        ("example.com", "example.com"),
        ("www.desk.intranet", "desk.intranet"),
        ("gov.uk", ""),
        ("localhost", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("a..b", ""),
        ("", ""),
        ("a" * 100_000, ""),
        ("\ud800", ""),
    ],
)
def test_registered_domain(host: str, domain: str) -> None:
    assert registered_domain(host) == domain

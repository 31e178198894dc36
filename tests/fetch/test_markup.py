import pytest

from transforms.fetch.markup import Markup, read_markup, refresh_target

URL = "https://town.example/a/story"


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0; url=https://town.example/b", "https://town.example/b"),
        ("0;URL='/b'", "/b"),
        ('10 ; Url = "/b"', "/b"),
        ("5, url=/b", "/b"),
        ("0.5; url=/b", "/b"),
        ("0 /b", "/b"),
        ("0; /b", "/b"),
        ("0;url='/b?x=\"1\"' trailing", '/b?x="1"'),
        ("0; url= /with space ", "/with space"),
        ("11; url=/b", ""),
        ("2700", ""),
        ("0", ""),
        ("0;", ""),
        ("0; url=", ""),
        ("soon; url=/b", ""),
        ("-1; url=/b", ""),
        ("", ""),
        ("9" * 5000 + "; url=/b", ""),
        (" " * 50_000, ""),
        ("0" + " " * 50_000, ""),
    ],
)
def test_refresh_within_ten_seconds_names_its_target(content, target):
    assert refresh_target(content) == target


def refresh(content, inside="head"):
    return f'<html><{inside}><meta http-equiv=Refresh content="{content}"></{inside}><p>x</html>'


@pytest.mark.parametrize(
    ("html", "target"),
    [
        (refresh("0;url=/b"), "https://town.example/b"),
        (refresh("0;url=b#part"), "https://town.example/a/b"),
        (refresh("0;url=//other.example/b", "body"), "https://other.example/b"),
        (refresh("0;url=/b", "noscript"), ""),
        (refresh("0;url=https://town.example/a/story#top"), ""),
        (refresh("0;url=javascript:alert(1)"), ""),
        (refresh("0;url=data:text/html,x"), ""),
        (refresh("0;url=file:///etc/passwd"), ""),
        (refresh("0;url=http://[broken"), ""),
        (refresh("0;url=/" + "x" * 3000), ""),
        ("<!-- " + refresh("0;url=/b") + " -->", ""),
        ("<script>var a = '" + refresh("0;url=/b") + "'</script>", ""),
        ("", ""),
        ("no html", ""),
    ],
)
def test_refresh_is_followed_where_a_browser_would(html, target):
    assert read_markup(html, URL).refresh_url == target


def test_first_refresh_with_a_target_counts():
    tags = [f'<meta http-equiv="refresh" content="{said}">' for said in ("9", "0;/b", "0;/c")]
    html = f"<html><head>{''.join(tags)}</head></html>"
    assert read_markup(html, URL).refresh_url == "https://town.example/b"


def test_refresh_for_browsers_without_scripts_is_followed_on_request():
    html = refresh("0;url=/b", "noscript")
    assert read_markup(html, URL, noscript=True).refresh_url == "https://town.example/b"


@pytest.mark.parametrize(
    ("tag", "link"),
    [
        ('<link rel="canonical" href="https://town.example/b">', "https://town.example/b"),
        ('<link rel="alternate CANONICAL" href="../b?x=1#y">', "https://town.example/b?x=1"),
        ('<link rel="canonical" href="">', ""),
        ('<link rel="canonical">', ""),
        ('<link rel="canonical" href="mailto:a@town.example">', ""),
        ('<link rel="canonical" href="mailto:a"><link rel="canonical" href="/b">',
         "https://town.example/b"),
        ('<link rel="alternate" href="/b">', ""),
        ('<link rel="canonical" href="http://[broken">', ""),
    ],
)  # fmt: skip
def test_canonical_link_is_absolute(tag, link):
    assert read_markup(f"<html><head>{tag}</head></html>", URL) == Markup("", link)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.parse.markup import MAX_LINE_CHARS, content_type_of, plain_line, web_link


@pytest.mark.parametrize(
    ("markup", "line"),
    [
        ("  two\n lines ", "two lines"),
        ("<b>Bold</b> &amp; br<br/>oken", "Bold & broken"),
        ("Größe <i>über</i> alles – “so”", "Größe über alles – “so”"),
        ("5 < 7 and 9 > 3", "5 < 7 and 9 > 3"),
        ("AT&T", "AT&T"),
        ("It&amp;#8217;s", "It’s"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("&amp;lt;b&amp;gt;done&amp;lt;/b&amp;gt;", "done"),
        ("what &copy means", "what © means"),
        ("<script>alert(1)", "alert(1)"),
        ("<!-- only a comment -->", ""),
        ("<p></p>", ""),
        ("<", "<"),
    ],
)
def test_titles_become_one_line_of_plain_text(markup, line):
    assert plain_line(markup) == line


def test_a_title_is_capped():
    assert len(plain_line("x" * 100_000)) == MAX_LINE_CHARS


@pytest.mark.parametrize(
    ("link", "base", "url"),
    [
        ("https://a.example/x", "", "https://a.example/x"),
        (" HTTPS://a.example/x\n", "", "HTTPS://a.example/x"),
        ("/x?a=1", "https://a.example/b/c", "https://a.example/x?a=1"),
        ("//b.example/x", "https://a.example/", "https://b.example/x"),
        ("/x", "", ""),
        ("/x", "file:///in/feed.xml", ""),
        ("javascript:alert(1)", "https://a.example/", ""),
        ("file:///etc/passwd", "https://a.example/", ""),
        ("data:text/html,x", "https://a.example/", ""),
        ("http://[broken", "https://a.example/", ""),
        ("https:///no-host", "", ""),
        ("", "https://a.example/", ""),
        ("https://a.example/" + "x" * 5000, "", ""),
    ],
)
def test_only_absolute_web_addresses_count_as_links(link, base, url):
    assert web_link(link, base) == url


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Plain words, 3 < 4.", "text"),
        ("<p>Words</p>", "html"),
        ("Words<br>more", "html"),
        ("<!DOCTYPE html><p>x", "page"),
        (' <?xml version="1.0"?>\n<html lang="en">', "page"),
        ("", "text"),
    ],
)
def test_the_form_of_a_text_is_told_by_its_tags(text, kind):
    assert content_type_of(text) == kind


@given(st.text())
def test_any_text_gives_one_line(text):
    line = plain_line(text)
    assert line == " ".join(line.split())


@given(st.text(), st.text())
def test_any_link_is_a_web_address_or_nothing(link, base):
    assert web_link(link, base).lower().startswith(("http", ""))

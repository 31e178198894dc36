import pytest

from transforms.extract.fragment import fragment_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("One.<br>Two.<br/><br/>Three.", "One.\n\nTwo.\n\nThree."),
        ("<p>Fish &amp; <b>chips</b>\n at noon</p>", "Fish & chips at noon"),
        ("<ul><li>a one</li><li>b two</li></ul>", "a one\n\nb two"),
        ("<p>One.</p><script>x()</script><style>p{}</style><p>Two.</p>", "One.\n\nTwo."),
        ("<p>One.</p><div class='sharedaddy sd-block'><a>Tell all</a></div>tail", "One.\n\ntail"),
        ("<p>One.</p><p style='display: none'>hidden</p>", "One."),
        ("<table><tr><td>a1</td><td>b1</td></tr></table>", "a1 b1"),
        ("plain words, no markup", "plain words, no markup"),
        ("a < b and c > d", "a < b and c > d"),
        ("<p>One.</p><p>The post One appeared first on Town.</p>", "One."),
        ("<p>One.</p><a href='/x'>Continue reading</a>", "One."),
        ("<p>One. <a href='/x'>Two</a> three.</p><p>Read more</p>", "One. Two three."),
        ("<?xml version='1.0' encoding='utf-16'?><p>Ünï</p>", "Ünï"),
        ("<img src='a.png'>", ""),
        ("<!-- nothing -->", ""),
        ("", ""),
        ("<p>one\x00two \ud800</p>", "onetwo ?"),
    ],
)
def test_a_fragment_becomes_plain_paragraphs(html, text):
    assert fragment_text(html) == text


def test_deep_nesting_does_not_crash():
    assert isinstance(fragment_text("<div>" * 20_000 + "x"), str)

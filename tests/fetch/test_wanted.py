from dataclasses import replace

import pytest

from transforms.fetch.shorteners import is_shortener
from transforms.fetch.wanted import FULL_TEXT_CHARS, has_full_text, why_not

STORY = "The council voted on the new pier. " * 80  # 2,800 characters


def test_an_entry_with_a_link_is_wanted(make_identified):
    assert why_not(make_identified()) == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_kind": "atom"}, ""),
        ({"input_kind": "json_feed"}, ""),
        ({"input_kind": "news_sitemap", "summary": ""}, ""),
        ({"feed_url": "file:///in/feed.xml"}, ""),
        ({"content": f"<p>{STORY[:1500]}</p>"}, ""),
        ({"content": f"<p>{STORY}… <a href='/x'>Read more</a></p>"}, ""),
        ({"url": "https://town.example/?p=17"}, ""),
        ({"url": "https://town.example/story.html?x=a.pdf"}, ""),
        ({"url": "https://town.example/v2.0"}, ""),
        ({"input_kind": "html", "content_type": "page"}, "not_of_a_feed"),
        ({"input_kind": "jsonl"}, "not_of_a_feed"),
        ({"input_kind": "eml"}, "not_of_a_feed"),
        ({"input_kind": "warc"}, "not_of_a_feed"),
        ({"url": "file:///in/feed.xml#3"}, "no_own_page"),
        ({"url": ""}, "no_own_page"),
        ({"url": "http://[broken/a"}, "no_own_page"),
        ({"url": "https://town.example/"}, "no_own_page"),
        ({"url": "https://town.example/feed#17"}, "no_own_page"),
        ({"url": "http://www.town.example/feed/"}, "no_own_page"),
        ({"url": "https://town.example/minutes.PDF"}, "no_html"),
        ({"url": "https://town.example/podcast.mp3?x=1"}, "no_html"),
        ({"content": f"<p>{STORY}</p>"}, "full_text"),
        ({"content": STORY, "content_type": "text"}, "full_text"),
    ],
)
def test_only_what_a_feed_leaves_open_is_asked_for(make_identified, changes, reason):
    assert why_not(make_identified(**changes)) == reason


@pytest.mark.parametrize(
    "end",
    ["…", "...", "[...]", " [&#8230;]", "Read more", "Continue reading A pier →", "Weiterlesen »",
     "Lire la suite", "Leer más.", "Читать далее"],
)  # fmt: skip
def test_a_long_text_that_is_broken_off_is_no_full_text(make_identified, end):
    entry = make_identified(content=STORY).entry
    assert has_full_text(entry)
    assert not has_full_text(replace(entry, content=f"<p>{STORY}</p> <a href='/x'>{end}</a>\n"))


def test_markup_does_not_make_a_text_long(make_identified):
    entry = make_identified(content="<p class='wide'>Short.</p>" * 200).entry
    assert not has_full_text(entry)
    assert not has_full_text(replace(entry, content="<p " + "a" * 100_000 + ">x"))
    assert has_full_text(replace(entry, content="x" * FULL_TEXT_CHARS))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://bit.ly/3abc", True),
        ("http://www.tinyurl.com/a", True),
        ("https://feedproxy.google.com/~r/x/~3/y", True),
        ("https://news.google.com/rss/articles/CBM", True),
        ("https://google.com/a", False),
        ("https://notbit.ly/a", False),
        ("http://[broken", False),
    ],
)
def test_hosts_of_short_links_are_known(url, expected):
    assert is_shortener(url) is expected

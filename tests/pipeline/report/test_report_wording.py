from datetime import datetime, timezone

import pytest

from pipelines.report import wording
from pipelines.report.view import ArticleView
from schemas import BreakingReason

NOON = datetime(2024, 3, 4, 12, tzinfo=timezone.utc)


def make_article(**changes):
    fields = {
        "article_id": "a", "revision": 1, "title": "t", "url": "", "publisher": "p",
        "language": "en", "event_time": NOON, "published_at": NOON, "published_at_source": "feed",
        "published_at_precision": "second", "published_at_flag": "ok", "first_seen_at": NOON,
        "access_state": "open", "role": "member", "score": 0.9, "evidence": "", "dup_kind": "none",
        "dup_of": "", "dup_of_title": "", "dup_score": None, "dup_evidence": "",
    }  # fmt: skip
    return ArticleView(**(fields | changes))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("a\x1b[31mb\x00c\x9bd", "a [31mb c d", id="terminal-escapes"),
        pytest.param("one\ntwo\u2028three\tfour", "one two three four", id="line-breaks"),
        pytest.param("safe\u202egnp.exe\u2066x", "safegnp.exex", id="reordering"),
        pytest.param("in\u200bvis\u00adible\ufeff", "invisible", id="invisible"),
        pytest.param("e" + "\u0301" * 50, "e" + "\u0301" * 3, id="stacked-marks"),
        pytest.param("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e", id="joiners-stay"),
        pytest.param("大雨で川が氾濫", "大雨で川が氾濫", id="cjk"),
        pytest.param("", "", id="empty"),
    ],
)
def test_text_becomes_one_printable_line(text, clean):
    assert wording.clean_line(text) == clean


def test_long_text_is_cut_with_an_ellipsis():
    assert wording.clean_line("x" * 10_000, 50) == "x" * 49 + "…"


@pytest.mark.parametrize(
    "url",
    ["https://a.example/x?y=1&z=%20#f", "http://a.example", "https://bücher.example/ä"],
)
def test_web_address_can_be_clicked(url):
    assert wording.web_link(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//https://a.example",
        "data:text/html,<script>x</script>",
        "file:///etc/passwd",
        "//a.example/x",
        "https://",
        "https://a.example/\u202egnp",
        "https://a.example/a b",
        "https://a.example\\@b.example",
        "https://a.example/\njavascript:x",
        "https://[::1",
        "https://a.example/" + "x" * 3000,
        "",
    ],
)
def test_any_other_address_cannot(url):
    assert wording.web_link(url) == ""


@pytest.mark.parametrize(
    ("publisher", "url", "shown"),
    [
        ("a.example", "file:///in/x.txt", "a.example"),
        ("unknown", "file:///in/two%20words.txt", "two words.txt"),
        ("unknown", "file:///in/%1b%5d0;x.txt", "]0;x.txt"),
        ("unknown", "https://x/y", "unknown publisher"),
        ("unknown", "", "unknown publisher"),
    ],
    ids=["known", "file", "hostile-file", "web", "nothing"],
)
def test_file_without_a_publisher_is_named_by_its_file(publisher, url, shown):
    assert wording.publisher(make_article(publisher=publisher, url=url)) == shown


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({}, "from the feed"),
        ({"published_at_precision": "day", "published_at_source": "text"},
         "day only, from the text itself"),
        ({"published_at": None, "published_at_flag": "missing"},
         "no date given; time of arrival shown"),
        ({"published_at": None, "published_at_flag": "future"},
         "lies in the future, so it was not used; time of arrival shown"),
        ({"event_time": datetime(2024, 3, 9, tzinfo=timezone.utc)},
         "from the feed, says 4 Mar 2024, 12:00; time of arrival shown"),
        ({"published_at_flag": "tz_unknown"}, "from the feed, time zone unknown, read as UTC"),
        ({"published_at": None, "published_at_flag": "<odd>"},
         "no usable date; time of arrival shown"),
    ],
    ids=["usual", "day-from-text", "missing", "future", "distrusted", "zone", "unknown-flag"],
)  # fmt: skip
def test_date_note_says_where_the_date_comes_from(changes, note):
    assert wording.date_note(make_article(**changes)) == note


def test_day_without_an_hour_is_not_shown_as_an_hour():
    day_only = make_article(published_at_precision="day")
    assert wording.article_time(day_only) == "4 Mar 2024"
    assert wording.article_time(make_article()) == "4 Mar 2024, 12:00"


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (BreakingReason("independent_families_6h", 4, 3, True),
         "Publishers with a text of their own within six hours: 4 – enough, needs at least 3."),
        (BreakingReason("independent_families_6h", 1, 3, False),
         "Publishers with a text of their own within six hours: 1 – not enough, "
         "needs at least 3."),
        (BreakingReason("age_hours", 2.5, 6, True),
         "Hours since two publishers told of it: 2.5 – low enough, needs at most 6."),
        (BreakingReason("age_hours", 9, 6, False),
         "Hours since two publishers told of it: 9 – too high, needs at most 6."),
        (BreakingReason("surprise", 6.2, 5, True),
         "How far they are above what these publishers usually write: 6.2 – speaks for it, good "
         "is at least 5."),
        (BreakingReason("source_entropy", 0.2, 0.6, False),
         "Evenness of the articles over publishers, 0 to 1: 0.2 – speaks against it, good is at "
         "least 0.6."),
        (BreakingReason("lunar_phase", 0.2, 0.5, False),
         "Lunar phase: 0.2 – not enough, needs at least 0.5."),
        (BreakingReason("novelty", float("nan"), 0.5, False),
         "Difference of these texts from all other events, 0 to 1: – – not enough, needs at "
         "least 0.5."),
    ],
    ids=["floor-passed", "floor-missed", "ceiling-passed", "ceiling-missed",
         "for", "against", "unknown", "nan"],
)  # fmt: skip
def test_reason_reads_as_a_sentence(reason, sentence):
    assert wording.reason_sentence(reason) == sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (0.25, "0.25"), (1234.5, "1,234.5"), (float("inf"), "inf"), (None, "–")],
)
def test_number_has_no_needless_digits(value, text):
    assert wording.number(value) == text


def test_pieces_tell_ids_from_words():
    article_id = "abcdefghijklmnopqrstuvwxy2"
    text = f"joins {article_id}: probability 0.8"
    assert wording.pieces(text) == [
        ("joins ", False),
        (article_id, True),
        (": probability 0.8", False),
    ]

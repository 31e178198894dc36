import base64
import hashlib
import re
from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest

from pipelines.report import ReportError
from pipelines.report.page import write_report
from schemas.tables import TABLES

VOID = {"meta", "link", "input", "img", "br", "path", "rect", "hr"}


class Page(HTMLParser):
    """Elements, attributes and text of a page, as a browser would see them."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.open = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


@pytest.fixture
def html(busy):
    return read(write_report(busy.write()))


@pytest.fixture
def page(html):
    return Page(html)


def test_page_lies_in_the_output_folder_by_default(busy):
    assert write_report(busy.write()) == str(busy.path / "report.html")


def test_page_can_lie_elsewhere(busy, tmp_path):
    target = tmp_path / "pages" / "news.html"
    assert write_report(busy.write(), str(target)) == str(target)
    assert target.stat().st_size > 10_000


def test_every_element_is_closed(page):
    assert page.open == []


def test_page_loads_nothing(page):
    assert not [tag for tag, _ in page.tags if tag in ("link", "img", "iframe", "object", "base")]
    assert not [a for _, a in page.tags if "src" in a or "srcset" in a or "action" in a]
    assert "url(" not in "".join(a.get("style") or "" for _, a in page.tags)


def test_policy_allows_only_the_script_on_the_page(html, page):
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_hostile_text_stays_text(page):
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert "<script>document.title='owned'</script>" in page.text
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]


def test_only_web_addresses_are_links(page):
    links = [a for a in page.all("a") if not a["href"].startswith("#")]
    assert links
    assert all(a["href"].startswith(("https://", "http://")) for a in links)
    assert all(a["rel"] == "noopener noreferrer" for a in links)
    assert not [a for a in page.all("a") if "javascript" in a["href"]]


def test_links_within_the_page_lead_somewhere(page):
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")} <= set(ids)


def test_times_are_written_for_machines_too(page):
    times = page.all("time")
    assert len(times) > 10
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", a["datetime"]) for a in times)


def test_every_control_has_a_name(html, page):
    controls = [a for tag, a in page.tags if tag in ("input", "select")]
    assert len(controls) == 6
    for control in controls:
        assert re.search(rf'<label[^>]*>(?:(?!</label>).)*id="{control["id"]}"', html, re.DOTALL)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("River bursts its banks at Ostenby", id="title"),
        pytest.param("The council met on Monday.", id="summary"),
        pytest.param("Nearly word for word the same as", id="copy"),
        pytest.param("97 of 100 word triples are shared", id="copy-evidence"),
        pytest.param("dense 0.81, terms 0.44", id="joining-evidence"),
        pytest.param("day only, from the text itself", id="date-source"),
        pytest.param("no date given; time of arrival shown", id="no-date"),
        pytest.param("Contested: at least one article", id="contested"),
        pytest.param("Publishers within 60 minutes: 4 – enough", id="reason"),
        pytest.param("Broke 4 Mar 2024, 06:50", id="break"),
        pytest.param("revision 2", id="revision"),
        pytest.param("most typical", id="representative"),
        pytest.param("Levee gives way at Ostenby", id="merged-article"),
        pytest.param("It is an HTML page.", id="dead-letter"),
        pytest.param("0.1.0", id="version"),
    ],
)
def test_page_tells(page, words):
    assert words in page.text


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"read": 1234}, "read1,234"),
        ({"stages": {"parse": {"rejected_empty": 3}}}, "stages parserejected empty3"),
        ({"a": {"b": {"c": {"d": [1, "<x>"]}}}}, "a b cd[1, '<x>']"),
        ({"a": None}, "a–"),
        ({}, "run.json does not say."),
    ],
    ids=["total", "per-stage", "deep", "null", "none"],
)
def test_footer_shows_the_counts_of_the_run(folder, counts, words):
    folder.event("e")
    folder.run = {"counts": counts, "versions": {"v": "1"}}
    text = Page(read(write_report(folder.write()))).text
    assert words in text.replace("\n", "")


def test_ids_in_evidence_become_words(folder):
    first, event = "a" * 26, "e" * 26
    folder.event(event, article_count=2)
    folder.article(first, event, title="The first report")
    folder.article(
        "b" * 26,
        event,
        5,
        event_evidence=f"joins {event}: probability 0.8",
        dup_evidence=f"contained: holds 0.9 of {first} and adds its own text",
    )
    text = Page(read(write_report(folder.write()))).text
    assert "joins this event: probability 0.8" in text
    assert "Overlap: contained: holds 0.9 of “The first report” and adds" in text


def test_large_event_shows_its_first_articles_and_counts_the_rest(folder):
    folder.event("e", article_count=60)
    for number in range(60):
        folder.article(f"a{number:02d}", "e", number)
    text = Page(read(write_report(folder.write()))).text
    assert "Story a49" in text
    assert "Story a50" not in text
    assert "and 10 more in the articles table" in text


def test_page_says_when_it_leaves_events_out(folder):
    for number in range(5):
        folder.event(f"e{number}", title=f"Headline {number}")
    text = Page(read(write_report(folder.write(), max_events=3))).text
    assert "This page shows 3 of 5 events" in text
    assert "Headline 2" in text
    assert "Headline 3" not in text


def test_same_tables_give_the_same_bytes(busy, tmp_path):
    output = busy.write()
    first, second = (write_report(output, str(tmp_path / name)) for name in ("1.html", "2.html"))
    assert read(first) == read(second)


def test_order_of_the_files_does_not_change_the_page(busy, tmp_path):
    first = read(write_report(busy.write()))
    busy.path = tmp_path / "again"
    for table in TABLES:
        busy.rows[table.name].reverse()
    assert read(write_report(busy.write())) == first


def test_run_without_events_still_gives_a_page(folder):
    folder.reject("file:///x", "empty")
    text = Page(read(write_report(folder.write()))).text
    assert "No events: the run found no usable article." in text
    assert "1 item could not become articles" in text


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"title": ""}, id="no-title"),
        pytest.param({"title": "\u202e\u0000\u200b"}, id="nothing-printable"),
        pytest.param({"title": "x" * 10_000, "summary": "y" * 100_000}, id="very-long"),
        pytest.param({"title": "\u0641\u064a\u0636\u0627\u0646", "summary": None}, id="rtl"),
        pytest.param({"breaking_state": '"><b>', "status": "<i>"}, id="unknown-codes"),
        pytest.param(
            {"breaking_score": float("nan"), "cohesion_min": float("inf")}, id="odd-numbers"
        ),
        pytest.param(
            {"first_seen_at": datetime(1, 1, 1, tzinfo=timezone.utc),
             "last_seen_at": datetime(9999, 12, 31, tzinfo=timezone.utc)},
            id="whole-calendar",
        ),
        pytest.param(
            {"first_seen_at": datetime(2024, 3, 9, tzinfo=timezone.utc),
             "last_seen_at": datetime(2024, 3, 4, tzinfo=timezone.utc)},
            id="last-before-first",
        ),
        pytest.param({"article_count": -3, "duplicate_count": -1}, id="negative-counts"),
        pytest.param({"keywords": [{"term": "</style>", "weight": 1.0}]}, id="markup-keyword"),
    ],
)  # fmt: skip
def test_odd_event_gives_a_sound_page(folder, changes):
    folder.event("usual")
    folder.event("odd", **changes)
    folder.article("a", "odd", title=changes.get("title", "t"))
    page = Page(read(write_report(folder.write())))
    assert page.open == []
    assert len([a for a in page.all("details") if "event" in a.get("class", "")]) == 2


def test_page_that_cannot_be_written_names_its_path(busy, tmp_path):
    blocker = tmp_path / "file"
    blocker.touch()
    target = blocker / "news.html"
    with pytest.raises(ReportError, match="cannot write") as caught:
        write_report(busy.write(), str(target))
    assert str(target) in str(caught.value)


def test_failed_write_leaves_no_half_page(busy, tmp_path):
    target = tmp_path / "page.html"
    target.mkdir()
    with pytest.raises(ReportError):
        write_report(busy.write(), str(target))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_page_says_what_the_other_granularity_would_change(demo):
    page = (demo.path / "report.html").read_text(encoding="utf-8")
    assert "Made with <code>--granularity event</code>" in page
    assert "<code>--granularity story</code> asks for" in page

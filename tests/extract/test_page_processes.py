import time
from dataclasses import replace

import pytest
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas import Page
from transforms._shared.counts import reset, snapshot
from transforms._shared.rejects import RejectError
from transforms.extract import page_processes, transform
from transforms.extract.extraction import extract_article
from transforms.extract.page_processes import PageLostError, PageProcesses

STORY = "Water rose over the quay of Ostenby on Sunday, and three streets were closed. " * 8
HTML = (
    f"<html><head><title>Quay</title></head><body><article><p>{STORY}</p></article></body></html>"
)
# A child whose reading of some entries never ends, or ends the process.
BROKEN = (
    "import os, sys, time; sys.path[:] = {path!r}; "
    "import transforms.extract.page_processes as own; "
    "read = own.extract_article; own.extract_article = lambda one: (time.sleep(60) "
    "if one.entry.key == 'hangs' else os._exit(3) if one.entry.key == 'dies' else read(one)); "
    "own.serve()"
)


@pytest.fixture
def page(make_identified):
    def make(key="page", **changes):
        fields = {"content": HTML, "content_type": "page", **changes}
        return make_identified(key=key, **fields)

    return make


@pytest.fixture
def start():
    pools = []

    def make(*args):
        pools.append(PageProcesses(*args))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_a_page_reads_the_same_in_another_process(page, start):
    identified = page()
    assert start(1).submit(identified).result().extraction == extract_article(identified)


def test_a_page_without_a_text_is_refused_for_the_same_reason(page, start):
    with pytest.raises(RejectError) as refused:
        start(1).submit(page(content="<html><img></html>")).result()
    assert refused.value.reason == "no_text"


@pytest.mark.parametrize("key", ["hangs", "dies"])
def test_a_page_that_hangs_or_breaks_its_process_is_let_go_and_the_next_one_read(
    page, start, monkeypatch, key
):
    monkeypatch.setattr(page_processes, "_CODE", BROKEN)
    pool = start(1, 8.0)
    lost, after = pool.submit(page(key)), pool.submit(page("after"))
    with pytest.raises(PageLostError, match="8 seconds"):
        lost.result()
    assert after.result().extraction.body


def test_processes_end_with_their_pool(page):
    pool = PageProcesses(1)
    pool.submit(page()).result()
    child = pool._threads.submit(lambda: pool._own.process._child).result()
    pool.close()
    for _ in range(100):
        if child.poll() is not None:
            return
        time.sleep(0.05)
    pytest.fail("the process goes on")


@pytest.fixture
def extract(monkeypatch, start):
    """Run elements through the DoFn as one bundle, with every page in another process."""

    def run(*elements, seconds=60.0):
        reset()
        monkeypatch.setattr(transform, "_FEW_PAGES", 0)
        pool = start(2, seconds)
        monkeypatch.setattr(transform, "page_processes", lambda number: pool)
        do_fn = transform._ExtractDoFn(2, 500)
        do_fn.setup()
        do_fn.start_bundle()
        outputs = []
        for number, element in enumerate(elements):
            outputs += do_fn.process(element, Timestamp(number), GlobalWindow())
        return [*outputs, *do_fn.finish_bundle()]

    return run


def _value(output):
    value = getattr(output, "value", output)  # of a tagged output, or of one at its own time
    return value.value if isinstance(value, WindowedValue) else value


def test_elements_leave_in_their_order_and_at_their_times(page, make_identified, extract):
    elements = [
        page(str(n)) if n % 3 else make_identified(key=str(n), title="A headline")
        for n in range(12)
    ]
    outputs = extract(*elements)
    assert [_value(out).identified.entry.key for out in outputs] == [str(n) for n in range(12)]
    late = [out for out in outputs if isinstance(out, WindowedValue)]
    assert [out.timestamp for out in late] == [
        Timestamp(int(_value(out).identified.entry.key)) for out in late
    ]


def test_a_lost_page_is_one_dead_letter_and_counted(page, extract, monkeypatch):
    monkeypatch.setattr(page_processes, "_CODE", BROKEN)
    letter, kept = map(_value, extract(page("dies"), page("kept")))
    assert (letter.key, letter.reason, letter.replayable) == ("dies", "parse_failed", True)
    assert kept.identified.entry.key == "kept"
    assert snapshot()["extract", "lost_pages"] == 1


def test_a_lost_page_of_a_feed_does_not_cost_the_feeds_text(make_identified, extract, monkeypatch):
    monkeypatch.setattr(page_processes, "_CODE", BROKEN)
    entry = make_identified(key="dies", title="Quay closed", summary=f"<p>{STORY}</p>")
    fetched = Page(
        url="https://town.example/story",
        html=HTML,
        canonical_link="",
        access_state="unknown",
        outcome="fetched",
        fetched_at=entry.entry.received_at,
    )
    (output,) = extract(replace(entry, page=fetched))
    assert (_value(output).method, _value(output).access_state) == ("feed_summary", "feed_only")


def test_few_pages_start_no_process(page, monkeypatch):
    monkeypatch.setattr(transform, "page_processes", pytest.fail)
    do_fn = transform._ExtractDoFn(None, 500)
    do_fn.setup()
    do_fn.start_bundle()
    for n in range(transform._FEW_PAGES):
        assert list(do_fn.process(page(str(n)), MIN_TIMESTAMP, GlobalWindow()))

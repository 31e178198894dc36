from dataclasses import replace
from datetime import datetime, timezone

import apache_beam as beam
import pytest
from apache_beam import typehints
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, GlobalWindow, TimestampedValue

from schemas import Identified, Notice
from transforms._shared import counts
from transforms._shared.records import register_record_coders
from transforms._shared.web.fetch import Fetched, FetchError
from transforms._shared.web.politeness import Politeness
from transforms.fetch import transform
from transforms.fetch.transform import FetchPages

register_record_coders()

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
SENTENCE = "The council of Pellworth voted on the new ferry pier, and the mayor spoke for an hour. "


class SmallWeb:
    """Every page there is says something of its own, unless its address says otherwise."""

    def fetch(self, url, headers=(), accept="", follow_elsewhere=True):
        if "gone" in url or url.endswith("/robots.txt"):
            raise FetchError("http_status", "not there", status=404)
        own = "" if "same" in url else f"page {url.replace('/', ' ')} tells of {url[-3:]}"
        letters = "".join(chr(ord("a") + int(c)) if c.isdigit() else c for c in own)
        return Fetched(url, f"<html><p>{SENTENCE * 3} {letters}</p>".encode(), "text/html", "")


def at_times(one: Identified, times: dict[str, int]) -> Identified:
    return TimestampedValue(one, times[one.entry.url])


def unpaced():
    return Politeness(pause_seconds=0.0)


def fetch_pages(**changes):
    return FetchPages(fetcher=SmallWeb(), politeness=unpaced, threads=8, **changes)


@pytest.fixture(autouse=True)
def fresh_counts():
    counts.reset()
    yield
    counts.reset()


@pytest.fixture
def run_bundle():
    """``run_bundle(entries, **changes)``: what one bundle gives, value by value."""

    def run(entries, do_fn=None, **changes):
        fn = do_fn or transform._FetchDoFn(fetch_pages(**changes))
        if do_fn is None:
            fn.setup()
        fn.start_bundle()
        given = []
        for number, entry in enumerate(entries):
            given += fn.process(entry, number, GlobalWindow())
        given += fn.finish_bundle()
        assert [int(one.timestamp) for one in given] == list(range(len(entries)))
        return [one.value for one in given]

    return run


def counted():
    return {
        name: n
        for (stage, name), n in counts.snapshot().items()
        if stage == "fetch" and name != counts.MICROSECONDS
    }


def test_entries_get_their_pages_and_nothing_else_changes(make_identified):
    entries = [make_identified(url=f"https://{n % 5}.example/story-{n}") for n in range(40)]
    with Pipeline(runner="FnApiRunner") as pipeline:
        fetched = pipeline | beam.Create(entries) | fetch_pages(most_held=16)
        assert fetched.element_type == typehints.Union[Identified, Notice]
        bare = fetched | beam.Map(lambda one: replace(one, page=None))
        said = fetched | beam.Map(lambda one: (one.page.url, SENTENCE in one.page.html))
        assert_that(bare, equal_to(entries), label="Bare")
        expected = [(one.entry.url, True) for one in entries]
        assert_that(said, equal_to(expected), label="Pages")


def test_times_and_windows_are_kept(make_identified):
    entries = [make_identified(url=f"https://{n}.example/story") for n in range(30)]

    def place(one, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
        return one.entry.url, int(timestamp), int(window.start)

    with Pipeline(runner="FnApiRunner") as pipeline:
        times = {one.entry.url: 60 * n for n, one in enumerate(entries)}
        stamped = pipeline | beam.Create(entries) | beam.Map(at_times, times)
        windowed = stamped | beam.WindowInto(FixedWindows(600))
        places = windowed | fetch_pages(most_held=7) | beam.Map(place)
        expected = [(one.entry.url, 60 * n, 600 * (n // 10)) for n, one in enumerate(entries)]
        assert_that(places, equal_to(expected), reify_windows=False)


@pytest.mark.parametrize("most_held", [1, 3, 100])
def test_order_is_kept_whatever_is_held(make_identified, run_bundle, most_held):
    entries = [
        make_identified(
            url=f"https://{n % 3}.example/{n}", input_kind="eml" if n % 4 == 0 else "rss"
        )
        for n in range(20)
    ]
    found = run_bundle(entries, most_held=most_held)
    assert [replace(one, page=None) for one in found] == entries
    assert [one.page is None for one in found] == [n % 4 == 0 for n in range(20)]


def test_every_entry_is_counted_once(make_identified, run_bundle):
    run_bundle(
        [
            make_identified(),
            make_identified(url="https://town.example/gone"),
            make_identified(input_kind="eml"),
            make_identified(content="word " * 1000),
        ]
    )
    assert counted() == {
        "in": 4,
        "out": 4,
        "fetched": 1,
        "kept_feed_text_http_404": 1,
        "skipped_not_of_a_feed": 1,
        "skipped_full_text": 1,
    }


def test_entry_whose_page_is_not_wanted_passes_as_it_came(make_identified, run_bundle):
    entry = make_identified(input_kind="eml")
    assert run_bundle([entry])[0] is entry


def test_text_that_stands_under_three_addresses_is_no_article(make_identified, run_bundle):
    fn = transform._FetchDoFn(fetch_pages())
    fn.setup()
    entries = [make_identified(url=f"https://town.example/same/{n}") for n in range(5)]
    other = make_identified(url="https://city.example/same/1")
    first = run_bundle([entries[0], entries[1], entries[1], other], fn)
    assert [one.page.outcome for one in first] == ["fetched"] * 4
    second = run_bundle([*entries[2:], other, make_identified()], fn)
    assert [(one.page.outcome, one.page.access_state) for one in second] == [
        ("repeated_text", "consent_wall"),
        ("repeated_text", "consent_wall"),
        ("repeated_text", "consent_wall"),
        ("fetched", "unknown"),
        ("fetched", "unknown"),
    ]
    assert [one.page.html == "" for one in second] == [True] * 3 + [False] * 2


def test_repeated_texts_of_one_bundle_are_all_left_out(make_identified, run_bundle):
    entries = [make_identified(url=f"https://town.example/same/{n}") for n in range(3)]
    assert {one.page.outcome for one in run_bundle(entries)} == {"repeated_text"}


def test_pages_whose_turn_does_not_come_keep_the_feeds_text(make_identified, run_bundle):
    found = run_bundle([make_identified()], max_batch_seconds=0.0)
    assert [(one.page.outcome, one.page.access_state) for one in found] == [
        ("no_time", "feed_only")
    ]


def test_local_server_is_asked_for_real(server, make_identified, run_bundle):
    server.answer("/robots.txt", status="404 Not Found")
    url = server.answer("/a", f"<html><p>{SENTENCE * 3}".encode(), Content_Type="text/html")
    (refused,) = run_bundle([make_identified(url=url)], transform_of(FetchPages()))
    assert refused.page.outcome == "private_address"
    (found,) = run_bundle([make_identified(url=url)], transform_of(FetchPages(allow_private=True)))
    assert (found.page.outcome, SENTENCE in found.page.html) == ("fetched", True)


def transform_of(settings):
    fn = transform._FetchDoFn(settings)
    fn.setup()
    return fn


def test_wiring_it_to_the_wrong_elements_fails_before_the_run():
    with (
        pytest.raises(beam.typehints.decorators.TypeCheckError),
        Pipeline(runner="FnApiRunner") as pipeline,
    ):
        pipeline | beam.Create([1, 2]) | FetchPages()

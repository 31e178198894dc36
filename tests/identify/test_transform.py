from datetime import timedelta

import apache_beam as beam
import pytest
from apache_beam import typehints
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import Identified, Notice
from transforms import IdentifyEntries
from transforms._shared import counts
from transforms.identify import transform
from transforms.identify.order import reading_order
from transforms.identify.seen import SeenIndex


@pytest.fixture
def entries(make_entry, make_file):
    hour = timedelta(hours=1)
    first = make_entry()
    return [
        first,
        make_entry(key="again", received_at=first.received_at + hour),
        make_entry(key="new title", title="Bridge fell", received_at=first.received_at + 2 * hour),
        make_entry(key="copy", url="https://other.example/bridge"),
        make_file("a.txt", "Mill opens."),
        make_file("b.txt", "Mill opens."),
    ]


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
def test_stage_equals_the_index_on_entries_in_order_of_receipt(entries, bounded, backwards) -> None:
    index = SeenIndex(None)
    if backwards and not bounded:  # unbounded input is taken as it comes
        expected = [index.identify(entry) for entry in reversed(entries)]
    else:
        expected = [index.identify(entry) for entry in entries]
    given = entries[::-1] if backwards else entries
    with Pipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(given) | IdentifyEntries(bounded=bounded)
        assert found.identified.element_type == typehints.Union[Identified, Notice]
        new = [decision for decision in expected if isinstance(decision, Identified)]
        assert_that(found.identified, equal_to(new), "Identified")
        repeats = [decision for decision in expected if decision not in new]
        assert_that(found.repeats, equal_to(repeats), "Repeats")


@pytest.mark.parametrize("held", [9, 4, 1])
def test_what_was_published_first_can_leave_first(make_entry, monkeypatch, held) -> None:
    days = [8, 3, 9, 1, 7, 2, 5, 6, 4]
    entries = [
        make_entry(key=f"{day}", url=f"https://{day}.example/{day}", published=f"2024-05-0{day}")
        for day in days
    ]
    monkeypatch.setattr(transform, "_ORDERED", held * len(entries[0].summary) - 1)
    items = [SeenIndex(None).identify(entry) for entry in entries]
    stage = transform._EarliestFirst()
    stage.start_bundle()
    left = [item for given in items for item in stage.process(given)]
    left += [item.value for item in stage.finish_bundle()]
    assert [int(item.entry.key) for item in left] == sorted(days[:held]) + days[held:]
    with Pipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(entries) | IdentifyEntries(earliest_first=True)
        assert_that(found.identified, equal_to(items))


def test_files_of_all_times_stay_known_in_a_bounded_run(make_entry) -> None:
    start = make_entry().received_at
    entries = [make_entry(key=str(n), received_at=start - timedelta(days=900 * n)) for n in (0, 1)]
    with Pipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(entries) | IdentifyEntries(window_days=1)
        keys = found.identified | beam.Map(lambda identified: identified.entry.key)
        assert_that(keys, equal_to(["1"]))


def test_unbounded_run_forgets_after_its_window(make_entry) -> None:
    start = make_entry().received_at
    entries = [make_entry(key=str(n), received_at=start + timedelta(days=n)) for n in (0, 1)]
    with Pipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(entries) | IdentifyEntries(window_days=0.5, bounded=False)
        keys = found.identified | beam.Map(lambda identified: identified.entry.key)
        assert_that(keys, equal_to(["0", "1"]))


def test_counts_add_up(entries) -> None:
    counts.reset()
    with Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create(entries) | IdentifyEntries()
    counted = {name: n for (stage, name), n in counts.snapshot().items() if stage == "identify"}
    counts.reset()
    assert counted.pop(counts.MICROSECONDS) > 0
    assert counted == {
        "in": 6,
        "out": 4,
        "updates": 1,
        "repeats_same_url": 1,
        "repeats_same_text": 1,
    }


def test_an_earlier_published_text_comes_first_whatever_its_file_time(make_entry):
    received = make_entry().received_at
    early = make_entry(
        published="2024-05-01T08:00:00+00:00", received_at=received + timedelta(hours=2)
    )
    late = make_entry(published="2024-05-01T09:30:00")
    assert sorted([late, early], key=reading_order) == [early, late]


@pytest.mark.parametrize("published", ["", "soon", "2999-01-01", "0001-01-01T00:00:00+14:00"])
def test_an_entry_with_any_date_has_its_place(make_entry, published):
    assert sorted([make_entry(published=published), make_entry()], key=reading_order)

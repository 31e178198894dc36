from datetime import timedelta

import apache_beam as beam
import numpy as np
from apache_beam import coders
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.test_stream import TestStream as BeamTestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue

from schemas import Assignment, ComparedArticle, Decision, EventState, Moved
from schemas.ids import event_id
from transforms import ClusterArticles
from transforms._shared.ordering import decision_order
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import load_join_model
from transforms.cluster.terms import background_frequencies


def _place(assignment: Assignment) -> tuple[str, str, str]:
    article = assignment.compared.embedded.article
    return article.article_id, assignment.event_id, assignment.role


def _event(state: EventState) -> tuple[str, str]:
    return state.event_id, state.status


def test_the_stage_equals_the_index_fed_in_decision_order(compared, make_article):
    start = make_article().event_time
    articles = [
        compared("late", {"early": 0.95}, event_time=start + timedelta(hours=3)),
        compared("early", event_time=start),
        compared("next month", {"early": 0.95}, event_time=start + timedelta(days=30)),
    ]
    index = EventIndex(load_join_model("test"), background_frequencies(), "test")
    expected, events = [], []
    for article in sorted(articles, key=lambda item: decision_order(item.embedded.article)):
        expected.append(_place(index.assign(article)))
        events += [_event(state) for state in index.retired()]
    events += [_event(state) for state in index.states()]
    assert [status for _, status in events] == ["closed", "active"]
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        clustered = pipeline | beam.Create(articles, reshuffle=False) | ClusterArticles("test")
        assert_that(clustered.assignments | beam.Map(_place), equal_to(expected))
        assert_that(
            clustered.events | "Event" >> beam.Map(_event), equal_to(events), label="Events"
        )


def _history(assignment: Assignment) -> tuple[str, str, tuple[str, ...]]:
    left = tuple(left.event_id for left in assignment.earlier)
    return assignment.compared.embedded.article.article_id, assignment.event_id, left


def test_articles_of_a_merged_event_end_in_the_survivor_and_remember_it(
    compared, by_cosine, monkeypatch
):
    monkeypatch.setattr("transforms.cluster.transform.load_join_model", lambda _: by_cosine)
    articles = [
        compared("a"),
        compared("b", {"a": 0.1}),
        compared("c", copy_of="b"),
        *(compared(f"m{n}", {"a": 0.9, "b": 0.8}) for n in range(2)),
    ]
    a, b = event_id("a"), event_id("b")
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        clustered = pipeline | beam.Create(articles, reshuffle=False) | ClusterArticles("test")
        assert_that(
            clustered.assignments | beam.Map(_history),
            equal_to([("a", a, ()), ("b", a, (b,)), ("c", a, (b,)), ("m0", a, ()), ("m1", a, ())]),
        )
        assert_that(
            clustered.events | "Event" >> beam.Map(_event),
            equal_to([(b, "merged"), (a, "active")]),
            label="Events",
        )


def _decision(assignment: Assignment) -> tuple[str, str, float, str]:
    article = assignment.compared.embedded.article
    return article.article_id, assignment.role, round(assignment.score, 1), assignment.evidence[:5]


def test_an_article_that_moved_says_why_it_is_where_it_is(compared, make_model, monkeypatch):
    monkeypatch.setattr(
        "transforms.cluster.transform.load_join_model", lambda _: make_model("dense_mean")
    )

    def told(name, degrees, near=None, **more):
        turn = np.deg2rad(degrees)
        return compared(name, near, embedding=[np.cos(turn), np.sin(turn)], **more)

    articles = [
        told("a home", 0),
        told("b turned", 41, {"a home": 0.75}),
        told("c copy", 41, copy_of="b turned"),
        *(told(f"d{number}", -25, {"a home": 0.91}) for number in range(6)),
        told("e other", 80, {"b turned": 0.78, "a home": 0.17}),
        told("f near", 75, {"e other": 0.99, "b turned": 0.83}),
    ]
    home, other = event_id("a home"), event_id("e other")
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        clustered = pipeline | beam.Create(articles, reshuffle=False) | ClusterArticles("test")
        moved = clustered.assignments | beam.Filter(lambda a: bool(a.earlier))
        assert_that(
            moved | beam.Map(_history),
            equal_to([("b turned", other, (home,)), ("c copy", other, (home,))]),
        )
        assert_that(
            moved | "Decision" >> beam.Map(_decision),
            equal_to([("b turned", "member", 1.0, "moved"), ("c copy", "duplicate", 0.9, "near_")]),
            label="Decisions",
        )


def _streamed(compared, articles, **settings):
    """Run articles through the unbounded stage, each in a bundle of its own."""
    script = BeamTestStream(coder=coders.registry.get_coder(ComparedArticle))
    script = script.advance_watermark_to(0)
    for article in articles:
        script = script.add_elements([TimestampedValue(article, 0)])
    options = PipelineOptions(["--streaming"])
    with BeamTestPipeline(options=options) as pipeline:
        came = pipeline | script | "Typed" >> beam.Map(_same).with_output_types(ComparedArticle)
        yield came | ClusterArticles("test", bounded=False, **settings)


def _same(compared: ComparedArticle) -> ComparedArticle:
    return compared


def test_late_and_disordered_articles_land_in_the_right_event(
    compared, by_cosine, monkeypatch, make_article
):
    monkeypatch.setattr("transforms.cluster.transform.load_join_model", lambda _: by_cosine)
    start = make_article().event_time

    def told(name, days, near=None):
        return compared(name, near, event_time=start + timedelta(days=days))

    articles = [
        told("flood", 0),
        told("fire", 13),
        told("flood again", 12.5, {"flood": 0.9}),  # out of order
        told("flood late", 1, {"flood": 0.9, "fire": 0.2}),  # twelve days late
        told("fire late", 5, {"fire": 0.9}),  # tells of it before it was reported first
        told("long after", 40),
        told("too late", 13.5, {"fire": 0.9}),  # its event is closed by now
    ]
    flood, fire = event_id("flood"), event_id("fire")
    for clustered in _streamed(compared, articles):
        assert_that(
            clustered.assignments | beam.Map(_place),
            equal_to(
                [
                    ("flood", flood, "seed"),
                    ("fire", fire, "seed"),
                    ("flood again", flood, "member"),
                    ("flood late", flood, "member"),
                    ("fire late", fire, "member"),
                    ("long after", event_id("long after"), "seed"),
                    ("too late", event_id("too late"), "seed"),
                ]
            ),
        )
        states = clustered.events | "Event" >> beam.Map(_event) | beam.Filter(_is_closed)
        closed = [(flood, "closed"), (fire, "closed"), (event_id("too late"), "closed")]
        assert_that(states, equal_to(closed), label="Closed")


def _is_closed(event: tuple[str, str]) -> bool:
    return event[1] == "closed"


def _moved(moved: Moved) -> tuple[str, str, str]:
    return moved.article_id, moved.from_event, moved.to_event


def test_unbounded_who_went_elsewhere_is_told_when_it_happens(compared, by_cosine, monkeypatch):
    monkeypatch.setattr("transforms.cluster.transform.load_join_model", lambda _: by_cosine)
    articles = [
        compared("a"),
        compared("b", {"a": 0.1}),
        compared("c", copy_of="b"),
        *(compared(f"m{n}", {"a": 0.9, "b": 0.8}) for n in range(2)),
    ]
    a, b = event_id("a"), event_id("b")
    for clustered in _streamed(compared, articles):
        places = [("a", a, "seed"), ("b", b, "seed"), ("c", b, "duplicate"), ("m0", a, "member"),
                  ("m1", a, "member")]  # fmt: skip
        assert_that(clustered.assignments | beam.Map(_place), equal_to(places))
        went = clustered.moved | "Went" >> beam.Map(_moved)
        assert_that(went, equal_to([("b", b, a), ("c", b, a)]), label="Moved")


class _Seeds:
    """An earlier run that decided on some articles."""

    def __init__(self, decisions, notices=()):
        self._decisions = decisions
        self._notices = notices

    def last_sequence(self):
        return 7  # decisions on events that are closed by now count too

    def decisions(self):
        return iter(self._decisions)

    def notices(self):
        return iter(self._notices)


def test_unbounded_a_resumed_run_goes_on_from_what_was_decided(compared, by_cosine, monkeypatch):
    monkeypatch.setattr("transforms.cluster.transform.load_join_model", lambda _: by_cosine)
    index = EventIndex(by_cosine, background_frequencies(), "test")
    decisions = []
    for article in (compared("a"), compared("b", {"a": 0.1})):
        decisions.append(Decision(index.assign(article), (), 1.0))
    for clustered in _streamed(compared, [compared("c", {"b": 0.9})], seeds=_Seeds(decisions)):
        found = clustered.assignments | beam.Map(lambda a: (a.event_id, a.sequence))
        assert_that(found, equal_to([(event_id("b"), 8)]))

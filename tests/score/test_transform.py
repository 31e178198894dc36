from dataclasses import replace

import apache_beam as beam
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import Event, EventChange, Left
from transforms import ScoreEvents


def _size(event: Event) -> tuple[str, int]:
    return event.event_id, event.article_count


def _subject(change: EventChange) -> tuple[str, str]:
    return change.subject, change.type


def test_each_event_meets_its_own_articles(assigned, state):
    first = state()
    other = state(event_id="other", title="Museum opens")
    articles = [assigned("a0", 0, role="seed"), assigned("a1", 5)]
    alone = assigned("b0", 1, role="seed")
    alone = alone.__class__(**(vars(alone) | {"event_id": "other"}))
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        assignments = pipeline | "Articles" >> beam.Create([*articles, alone], reshuffle=False)
        states = pipeline | "States" >> beam.Create([first, other], reshuffle=False)
        scored = states | ScoreEvents(assignments)
        assert_that(scored.events | beam.Map(_size), equal_to([(first.event_id, 2), ("other", 1)]))
        created = "org.newsevents.event.created"
        assert_that(
            scored.changes | "Subject" >> beam.Map(_subject),
            equal_to([(first.event_id, created), ("other", created)]),
            label="Changes",
        )


def test_an_event_that_was_merged_away_keeps_a_row_and_says_where_it_went(assigned, state):
    survivor = state()
    gone = state(event_id="gone", status="merged", merged_into=survivor.event_id)
    moved = replace(
        assigned("b0", 1, role="seed"), earlier=(Left("gone", survivor.clock, "merged", True, 1.0),)
    )
    articles = [assigned("a0", 0, role="seed"), moved]
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        assignments = pipeline | "Articles" >> beam.Create(articles, reshuffle=False)
        states = pipeline | "States" >> beam.Create([survivor, gone], reshuffle=False)
        scored = states | ScoreEvents(assignments)
        assert_that(
            scored.events | beam.Map(_size), equal_to([(survivor.event_id, 2), ("gone", 1)])
        )
        kinds = [(survivor.event_id, "created"), ("gone", "created"), ("gone", "merged")]
        assert_that(
            scored.changes | "Subject" >> beam.Map(_subject),
            equal_to([(subject, f"org.newsevents.event.{kind}") for subject, kind in kinds]),
            label="Changes",
        )


def test_an_article_that_left_a_living_event_counts_only_where_it_is(assigned, state):
    event, other = state(), state(event_id="other")
    left = Left("other", event.clock, "another was nearer", False, 0.6)
    articles = [
        assigned("a0", 0, role="seed"),
        replace(assigned("a1", 5), earlier=(left,)),
        replace(assigned("b0", 1, role="seed"), event_id="other"),
    ]
    with BeamTestPipeline(runner="FnApiRunner") as pipeline:
        assignments = pipeline | "Articles" >> beam.Create(articles, reshuffle=False)
        states = pipeline | "States" >> beam.Create([event, other], reshuffle=False)
        scored = states | ScoreEvents(assignments)
        assert_that(scored.events | beam.Map(_size), equal_to([(event.event_id, 2), ("other", 1)]))

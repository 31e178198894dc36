import apache_beam as beam
from apache_beam.testing.test_pipeline import TestPipeline as BeamTestPipeline
from apache_beam.testing.util import assert_that, equal_to

from schemas import Event, EventChange
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

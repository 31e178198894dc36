"""Compared articles without a pipeline, and join models with known behaviour."""

from collections import Counter
from copy import copy
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from schemas import ComparedArticle, DuplicateVerdict, Neighbour
from transforms.cluster.description import describe
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import CONTEXT, FEATURES, JoinModel
from transforms.cluster.likeness import measure_article
from transforms.cluster.mention import mention_of
from transforms.cluster.open_event import OpenEvent
from transforms.cluster.terms import DocumentFrequencies, background_frequencies
from transforms.cluster.trees import trees_from_json, trees_to_json

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
NOT_A_COPY = DuplicateVerdict("none", "", 0.0, "")


def staircase(name):
    """Trees whose log odds climb steeply with one feature, through zero at 0.5."""
    at = FEATURES.index(name)
    steps = [step / 100 for step in range(-20, 121)]
    stumps = [[[at, step, 1, 2, 0.0], [0, 0.0, 1, 1, -0.2], [0, 0.0, 2, 2, 0.2]] for step in steps]
    return trees_from_json(trees_to_json(0.0, stumps), len(FEATURES) + len(CONTEXT))


def simple_model(name, contested_band=0.2):
    """A model that joins when one feature of the best candidate exceeds 0.5."""
    rank = np.zeros(len(FEATURES))
    rank[FEATURES.index(name)] = 1.0
    stranger = np.zeros(len(FEATURES))
    return JoinModel("test", rank, 0.0, stranger, staircase(name), (), None, 0.5, contested_band)


@pytest.fixture
def by_cosine():
    """Joins the event whose nearest member has a cosine above 0.5.

    The vectors of the fixtures are all alike, so the cosine comes as containment.
    """
    return simple_model("containment_best")


@pytest.fixture
def make_model():
    """``make_model(name)``: joins the event for which that feature exceeds 0.5."""
    return simple_model


@pytest.fixture
def by_mean(make_model):
    return make_model("dense_mean")


@pytest.fixture
def new_index(by_cosine):
    def make(model=by_cosine, days=7, **settings):
        return EventIndex(
            model, DocumentFrequencies({}, 1000), "test", timedelta(days=days), **settings
        )

    return make


@pytest.fixture
def compared(make_embedded):
    """``compared(id, near={other: cosine}, copy_of="", further="", **article_changes)``."""

    def make(article_id, near=None, copy_of="", further="", **changes):
        neighbours = tuple(
            Neighbour(other, cosine, cosine, "vector") for other, cosine in (near or {}).items()
        )
        verdict = DuplicateVerdict("none", "", 0.0, "")
        if copy_of:
            verdict = DuplicateVerdict("near_verbatim", copy_of, 0.9, "0.9 of its 3-grams")
        embedded = make_embedded(article_id=article_id, **changes)
        return ComparedArticle(embedded, verdict, neighbours, further)

    return make


@pytest.fixture
def make_event(make_embedded):
    """``make_event(articles)``: an open event of articles as dicts of changes, an hour apart."""
    background = background_frequencies()

    def make(articles):
        frequencies, event = copy(background), None
        frequencies.stream = Counter()  # each event is the first of its stream
        for number, changes in enumerate(articles):
            at = NOON + timedelta(hours=number)
            changes = {"article_id": f"a{number}", "event_time": at, "body": ""} | changes
            compared = ComparedArticle(make_embedded(**changes), NOT_A_COPY, ())
            member = measure_article(compared.embedded, frequencies)
            event = event or OpenEvent("e", 1, 1.0)
            event.absorb(member)
            event.mentions.append(mention_of(compared, "member"))
        return event

    return make


@pytest.fixture
def described(make_event):
    """``described(articles)``: what is told of an event of these articles."""

    def make(articles):
        event = make_event(articles)
        centroid = event.centroid()
        return describe(event, [float(member.vector @ centroid) for member in event.members])

    return make

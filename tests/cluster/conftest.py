"""Compared articles without a pipeline, and join models with known behaviour."""

from datetime import timedelta

import numpy as np
import pytest

from schemas import ComparedArticle, DuplicateVerdict, Neighbour
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import CONTEXT, FEATURES, JoinModel
from transforms.cluster.terms import DocumentFrequencies


def simple_model(**weights):
    """A model that joins when the weighted features of the best candidate exceed 0.5."""
    row = np.array([weights.get(name, 0.0) for name in FEATURES])
    decide = np.concatenate([row * 20.0, np.zeros(len(CONTEXT))])
    return JoinModel("test", row, 0.0, np.zeros(len(FEATURES)), decide, -10.0, 0.5, 0.2)


@pytest.fixture
def by_cosine():
    """Joins the event whose nearest member has a cosine above 0.5."""
    return simple_model(dense_best=1.0)


@pytest.fixture
def new_index(by_cosine):
    def make(model=by_cosine, days=7):
        return EventIndex(model, DocumentFrequencies({}, 1000), "test", timedelta(days=days))

    return make


@pytest.fixture
def compared(make_embedded):
    """``compared(id, near={other: cosine}, copy_of="", **article_changes)``."""

    def make(article_id, near=None, copy_of="", **changes):
        neighbours = tuple(
            Neighbour(other, cosine, 0.0, "vector") for other, cosine in (near or {}).items()
        )
        verdict = DuplicateVerdict("none", "", 0.0, "")
        if copy_of:
            verdict = DuplicateVerdict("near_verbatim", copy_of, 0.9, "0.9 of its 3-grams")
        return ComparedArticle(make_embedded(article_id=article_id, **changes), verdict, neighbours)

    return make

"""Short invented stories, and copies of them made the way sites make copies."""

import random

import numpy as np
import pytest

from transforms.normalise.text import content_hash

STORY = """Firefighters spent the night at the Ellbrook cannery after a boiler burst shortly before
ten. Forty workers were led out through the loading yard and three were treated for burns at the
county hospital. The fire chief, Marta Quill, said the roof over the packing hall could fall and
closed Mill Lane to traffic until noon. The company, Tansy Foods, said production would move to its
plant in Harrowick for at least six weeks. Neighbours were told to keep their windows shut because
of smoke from insulation. An inspector will look at the boiler's service record, which the company
says was complete. The cannery opened in 1921 and employs 180 people, most of them from the town.
Its closure two years ago was averted when a buyer was found at the last moment. The mayor, Odell
Finch, said the council would open the sports hall for families who could not go home tonight. A
spokesman for the union asked for a list of all safety reports since the sale, and said members
had warned of leaks in spring."""
OTHER = """The river museum in Harrowick reopens on Saturday with a show of painted barges lent by
collectors from five countries. Visitors can see how the hulls were tarred and hear songs recorded
by boatmen before the locks were built. The director, Ines Vale, said the new hall doubles the space
for schools and that tickets for the first week were gone within an hour. The city paid a third of
the cost and a foundation the rest. A boat will bring guests from the station pier each half hour,
weather permitting, and the cafe looks over the old tow path where horses once pulled grain."""


def _sentences(text):
    return [sentence.strip() for sentence in " ".join(text.split()).split(". ")]


def reworded(text, share, seed=7):
    """Change every so many words into others."""
    chooser = random.Random(seed)
    words = text.split()
    for at in chooser.sample(range(len(words)), int(share * len(words))):
        words[at] = chooser.choice(["quite", "later", "small", "perhaps", "always", "north"])
    return " ".join(words)


@pytest.fixture
def story():
    return " ".join(STORY.split())


@pytest.fixture
def other_story():
    return " ".join(OTHER.split())


@pytest.fixture
def sentences():
    return _sentences


@pytest.fixture
def reword():
    return reworded


@pytest.fixture
def embed(make_embedded):
    """``embed(id, body, **changes)``: an article whose vector comes from its words."""

    def make(article_id, body, **changes):
        changes.setdefault("title", f"Headline of {article_id}")
        changes["content_hash"] = content_hash(changes["title"], body)
        return make_embedded(article_id=article_id, body=body, **changes)

    return make


@pytest.fixture
def unit():
    """``unit(n)``: the n-th axis of an 8-dimensional space as vector bytes."""
    return lambda n: np.eye(8, dtype="<f4")[n].tobytes()

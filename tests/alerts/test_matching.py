"""Which events pass the filters of a sink."""

import pytest

from pipelines.alerts.matching import wants
from schemas import EntityCount, Keyword


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, True),
        ({"min_score": 0.8}, True),
        ({"min_score": 0.81}, False),
        ({"min_families": 3}, True),
        ({"min_families": 4}, False),
        ({"languages": ("de", "en")}, True),
        ({"languages": ("de",)}, False),
        ({"entities": ("port ellery",)}, True),
        ({"entities": ("Ellery",)}, False),
        ({"keywords": ("ABLAZE",)}, True),
        ({"keywords": ("warehouse  ablaze",)}, True),
        ({"keywords": ("house",)}, False),
        ({"keywords": ("burned", "nothing")}, True),
        ({"keywords": ("C++",)}, False),
        ({"keywords": ("fire",), "min_score": 0.1}, False),
        ({"keywords": ("docks",), "languages": ("fr",)}, False),
    ],
    ids=repr,
)
def test_an_event_has_to_pass_every_filter(make_sink, make_event, filters, passes):
    assert wants(make_sink(**filters), make_event()) is passes


def test_keywords_are_looked_for_in_names_and_keywords_too(make_sink, make_event):
    event = make_event(
        title="", summary="", keywords=(Keyword("Hafen", 1.0),), entities=(EntityCount("Kiel", 1),)
    )
    assert wants(make_sink(keywords=("hafen",)), event)
    assert wants(make_sink(keywords=("KIEL",)), event)


def test_keywords_of_scripts_that_do_not_part_words_are_found_inside(make_sink, make_event):
    assert wants(make_sink(keywords=("地震",)), make_event(title="東北で地震が発生"))

"""Whether an event is one that a sink wants to hear of."""

import re
from collections.abc import Iterable
from functools import lru_cache

from pipelines.alerts.sinks import Sink
from schemas import Event
from transforms._shared.scripts import has_capitals


def wants(sink: Sink, event: Event) -> bool:
    """Say whether an event passes every filter that the sink has; of a list one is enough.

    Keywords are looked for as whole words, whatever their case, in title, summary, keywords and
    names; in scripts without capitals, of which some part no words, anywhere. Entities are the
    names of ``events.entities``, whole.
    """
    if event.breaking_score < sink.min_score:
        return False
    if event.publisher_family_count < sink.min_families:
        return False
    codes = {language.code for language in event.languages}
    if sink.languages and not codes.intersection(sink.languages):
        return False
    names = {_folded(entity.text) for entity in event.entities}
    if sink.entities and not names.intersection(map(_folded, sink.entities)):
        return False
    return not sink.keywords or _mentions(event, sink.keywords)


def _mentions(event: Event, words: tuple[str, ...]) -> bool:
    texts: Iterable[str] = (
        event.title,
        event.summary,
        *(keyword.term for keyword in event.keywords),
        *(entity.text for entity in event.entities),
    )
    pattern = _pattern(words)
    return any(pattern.search(_folded(text)) for text in texts)


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_one, words)))


def _one(word: str) -> str:
    found = re.escape(_folded(word))
    return rf"(?<!\w){found}(?!\w)" if has_capitals(word) else found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())

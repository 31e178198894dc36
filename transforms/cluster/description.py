"""What is told of an event in words: all of it is in its articles, nothing is written anew."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from schemas import EntityCount, Keyword
from transforms.cluster.headline import choose_headline
from transforms.cluster.keywords import choose_keywords
from transforms.cluster.names import count_names
from transforms.cluster.open_event import OpenEvent
from transforms.cluster.summary import Quoted, summarise
from transforms.cluster.voices import voices_of

_KEYWORDS = 8
_WEIGHED_KEYWORDS = 40
_ENTITIES = 10
_READ = 10  # articles whose sentences show how a keyword is written


@dataclass(frozen=True)
class Description:
    """Title, summary, keywords and names of an event."""

    article_id: str  # of the title
    title: str
    summary: tuple[Quoted, ...]
    keywords: tuple[Keyword, ...]
    entities: tuple[EntityCount, ...]


def describe(
    event: OpenEvent, cosines: Sequence[float], taken_back: Set[str] = frozenset()
) -> Description:
    """Describe an event by its originals; the same members in the same order give the same.

    Args:
        cosines: of each member to the event's mean.
        taken_back: articles that are not quoted, unless there are no others.
    """
    voices = voices_of(event, cosines)
    voices = [voice for voice in voices if voice.member.article_id not in taken_back] or voices
    headline = choose_headline(voices)
    names = count_names([member.names for member in event.members], _ENTITIES)
    texts = [voice.told.title for voice in voices]
    texts += [text for voice in voices[:_READ] for text in voice.told.sentences]
    weighed = event.terms(_WEIGHED_KEYWORDS)
    keywords = choose_keywords(weighed, (name for name, _ in names), texts, _KEYWORDS)
    return Description(
        article_id=headline.article_id,
        title=headline.title,
        summary=summarise(voices, headline.article_id, headline.title),
        keywords=tuple(Keyword(*pair) for pair in keywords),
        entities=tuple(EntityCount(*pair) for pair in names),
    )

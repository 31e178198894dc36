"""The words, names and numbers that carry the identity of an event, and how rare they are."""

import gzip
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from schemas import Article
from transforms._shared.scripts import has_capitals
from transforms._shared.words import COUNTING, words
from transforms.cluster.languages import split_signs

CHANNELS = ("lead", "full", "title", "names", "numbers")
_LEAD_WORDS = 120
_FULL_WORDS = 400
_MOST_CHARS = 6000  # that are searched for them,
_LIKELY_CHARS = 3000  # most often it takes no more
_BACKGROUND_FILE = "background_terms.tsv.gz"
_BACKGROUND_SHARE = 0.5  # how much one background document counts against one seen in the stream
_STREAM_HALF_LIFE = 50_000  # documents after which the streaming counts are halved

_UPPER = "".join(letter for letter in map(chr, range(0x2000)) if letter.isupper())
# A full stop ends a span unless it shortens a word: "J. Quill", "St. Ostrel", "U.S. Senate".
_SHORTENED = "|".join(
    rf"(?<=\b{word}\.)"
    for word in ("Mr", "Mrs", "Ms", "Dr", "St", "Lt", "Sen", "Rep", "Gov", "Gen")
)
_NAME = rf"[{_UPPER}](?:\.(?=\w)|[\w’'-])*(?:\.(?:(?<=\b[{_UPPER}]\.)|{_SHORTENED}))?"
_NAME_SPAN = re.compile(
    rf"{_NAME}(?:[ \u00a0]+(?:(?:of|the|de|la|van|von|al|bin|du|el) ){{0,2}}{_NAME})*"
)
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n”\"“‘(\[–—-]\s*)$")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_LEAST_NAME = 3  # characters; two when one of them is a digit: G7, A9

Vector = dict[str, float]  # term → weight, unit length


@dataclass(frozen=True)
class Terms:
    """Raw term counts of one article, one bag per channel, and its names as written."""

    bags: Mapping[str, Counter[str]]
    names: tuple[str, ...]  # distinct spans as written, in order of appearance
    capitals: bool  # whether the script has any: without them names are only guessed


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Fold possessives and regular plurals, so that "towns" meets "town"."""
    word = word.removesuffix("'s").removesuffix("'")
    if len(word) > 4 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def mostly_capitalised(line: str) -> bool:
    """Say whether a headline is written In Title Case, where capitals name nothing."""
    letters = [word for word in line.split() if word[:1].isalpha()]
    capitals = sum(word[0].isupper() for word in letters)
    return len(letters) > 2 and capitals > 0.6 * len(letters)


def name_spans(text: str) -> list[str]:
    """Find runs of capitalised words; a lone word that opens a sentence is no name.

    Works for scripts with capitals.
    """
    found = []
    for match in _NAME_SPAN.finditer(text):
        span = match.group().strip(" .'’-")
        opens = bool(_SENTENCE_START.search(text[max(0, match.start() - 3) : match.start()]))
        if opens:
            first, _, rest = span.partition(" ")
            span = span if rest and first.lower() not in _OPENERS else rest
        if _names_something(span):
            found.append(span)
    return found


def _names_something(name: str) -> bool:
    coded = not name.isdecimal() and any(letter.isdecimal() for letter in name)
    return len(name) >= _LEAST_NAME - coded


# Words that often open a sentence before a name ("The Senate", "In Paris").
_OPENERS = frozenset(
    """the a an in on at by for from to of and but as after before when while if it its this that
    these those he she they we i his her their our there here with without under over more most
    some many one two three new now no not yet still meanwhile however although because since
    der die das ein eine im am le la les un une il el los las""".split()
)


def extract_terms(article: Article) -> Terms:
    """Count an article's terms by channel."""
    body = article.body or article.description
    title_words = _terms(article.title)
    body_words = _first_terms(body, _FULL_WORDS)
    numbers = _NUMBER.findall(f"{article.title}\n{body[:3000]}")
    capitals = has_capitals(f"{article.title} {body}")
    spans = _names(article.title, body) if capitals else []
    name_words = Counter(word for span in spans for word in _name_words(span))
    if not capitals:  # what the title is about is as near as one gets
        said = set(body_words) or set(title_words)
        name_words = Counter(word for word in title_words if word in said)
    bags = {
        "lead": Counter(title_words * 2 + body_words[:_LEAD_WORDS]),
        "full": Counter(title_words + body_words),
        "title": Counter(title_words),
        "names": name_words,
        "numbers": Counter(number.replace(",", "") for number in numbers),
    }
    return Terms(bags=bags, names=tuple(dict.fromkeys(spans)), capitals=capitals)


@lru_cache(maxsize=65_536)
def _name_words(span: str) -> tuple[str, ...]:
    return tuple(
        stem(word) for word in words(span) if _names_something(word) and word not in COUNTING
    )


def _terms(text: str) -> list[str]:
    return list(map(stem, split_signs(words(text))))


def _first_terms(text: str, most: int) -> list[str]:
    """Split no more of a text than it takes; the last word of a part may be cut off."""
    terms = _terms(text[:_LIKELY_CHARS])
    if len(terms) <= most:
        terms = _terms(text[:_MOST_CHARS])
    return terms[:most]


def _names(title: str, body: str) -> list[str]:
    named = [] if mostly_capitalised(title) else [title]
    if body:
        return name_spans("\n".join([*named, body[:4000]]))
    return name_spans(title) if named else []


class DocumentFrequencies:
    """How many documents hold a term: a shipped background table plus what the stream showed.

    The table makes a cold start behave; the stream's own counts soon tell that "election" is a
    common word this week. Counts are halved every 50,000 documents, so memory stays bounded by
    the vocabulary of about that many.
    """

    def __init__(self, background: Mapping[str, int], background_documents: int) -> None:
        self._background = background
        self._background_documents = background_documents
        self.stream: Counter[str] = Counter()
        self.stream_documents = 0

    def learn(self, terms: Iterable[str]) -> None:
        """Count one document that holds each of ``terms``."""
        self.stream.update(set(terms))
        self.stream_documents += 1
        if self.stream_documents >= _STREAM_HALF_LIFE:
            self.stream_documents //= 2
            self.stream = Counter({t: n // 2 for t, n in self.stream.items() if n > 1})

    def idf(self, term: str) -> float:
        """Weigh a term by its rarity: ln of documents over documents that hold it, ≥ 0."""
        return self.idfs((term,))[term]

    def idfs(self, terms: Iterable[str]) -> dict[str, float]:
        """Weigh each of many terms as ``idf`` does."""
        documents = _BACKGROUND_SHARE * self._background_documents + self.stream_documents + 1.0
        background, stream, log = self._background.get, self.stream.get, math.log
        return {
            term: log(documents / (_BACKGROUND_SHARE * background(term, 0) + stream(term, 0) + 0.5))
            for term in terms
        }


def background_frequencies() -> DocumentFrequencies:
    """Load the shipped table: a header line with the number of documents, then term and count."""
    packed = resources.files("transforms.cluster").joinpath(_BACKGROUND_FILE).read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    table = {}
    for line in lines[1:]:
        term, _, holders = line.partition("\t")
        table[term] = int(holders)
    return DocumentFrequencies(table, int(lines[0]))


def weigh(bag: Mapping[str, int], rarity: Mapping[str, float]) -> Vector:
    """Turn counts into a unit TF-IDF vector: (1 + ln count) · idf; terms of weight 0 drop out."""
    raw = {
        term: idf if count == 1 else (1.0 + math.log(count)) * idf
        for term, count in bag.items()
        if (idf := rarity[term]) > 0.0
    }
    norm = math.sqrt(sum([weight * weight for weight in raw.values()]))
    return {term: weight / norm for term, weight in raw.items()} if norm else {}

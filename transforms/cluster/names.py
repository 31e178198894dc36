"""Names of an event with the number of articles that give them, one entry for each bearer."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache

from transforms._shared.words import COUNTING

_MOST_WEIGHED = 400  # spellings of an event that are compared, most frequent first
_DOMINANT = 2.0  # a surname goes to the bearer named so many times as often as the next
_LEAST_SHARE = 0.3  # of its articles, so many must give the longer name
_LEAST_CHARS = 2
_INITIALS = re.compile(r"(?:^|\s)(?:[^\W\d_]\.)+[^\W\d_]$")
_POSSESSIVE = re.compile(r"[’'`´]s?(?=\s|$)|-$")

# Words that open a sentence or an article of a name; English, German, French, Spanish, Italian,
# Portuguese, Dutch; lower case.
_IN_FRONT = frozenset(
    """the a an in on at by for from to of and but as after before when while if it its this that
    these those he she they we i his her their our there here with without under over more most
    some many still meanwhile however although because since former
    der die das den dem ein eine le la les un une el los las il lo gli o os as het een de""".split()
)
# Titles of persons, which no name of anything else contains; the same languages.
_TITLES = frozenset(
    """mr mrs ms dr sir prof professor president chancellor senator sen rep representative
    congressman congresswoman gov governor mayor judge gen col colonel capt captain lt lieutenant
    sgt sergeant pope archbishop minister secretary spokesman spokeswoman chairman chairwoman ceo
    commissioner director leader manager officer landrätin detective sheriff superintendent herr
    frau präsident präsidentin kanzler kanzlerin ministerin monsieur madame président présidente
    ministre señor señora presidente presidenta ministro ministra signor signora senhor senhora
    meneer mevrouw""".split()
)
_HIGHEST = ("attorney", "secretary", "solicitor", "surgeon")
_DATES = COUNTING | frozenset(
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun".split()
)
_WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_PARTICLES = frozenset("of the de la van von al bin du el".split())  # "City of Harrowick"
_ADJECTIVE = re.compile(r"(?<=\w)-[a-zß-ÿ]{3,}$")  # "Kremlin-backed"


def count_names(articles: Sequence[Sequence[str]], most: int) -> list[tuple[str, int]]:
    """Count the articles that give each name, "Biden" and "Joe Biden" as one.

    Two names are one bearer's when the longer ends with the shorter. A lone surname goes to the
    longer name when that is clear: named by three tenths as many articles at least, and twice as
    often as any other that ends so. "Obama Administration" ends otherwise than "Obama".

    Args:
        articles: the names of each as written.
        most: how many to give.

    Returns:
        Names in the spelling found most often, with their counts, most frequent first.
    """
    written = Counter(name for names in articles for name in names)
    weighed = sorted(written, key=lambda name: (-written[name], name))[:_MOST_WEIGHED]
    bare = {name: bare_name(name) for name in weighed}
    bare = {name: short for name, short in bare.items() if len(short) >= _LEAST_CHARS}
    holders: dict[str, set[int]] = defaultdict(set)
    for number, names in enumerate(articles):
        for name in names:
            if name in bare:
                holders[bare[name].casefold()].add(number)
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for name, short in bare.items():
        spellings[short.casefold()][short] += written[name]
    _unite(holders)
    found = sorted(holders, key=lambda name: (-len(holders[name]), name))[:most]
    return [(_usual(spellings[name]), len(holders[name])) for name in found]


@lru_cache(maxsize=20_000)
def bare_name(name: str) -> str:
    """Take titles, articles, possessives and dates off a name; "" when nothing is left."""
    parts: Sequence[str] = _POSSESSIVE.sub("", name).split()
    while parts and _opens(parts[0]):
        parts = parts[1:]
    while parts and parts[-1].casefold() in _WEEKDAYS:
        parts = parts[:-1]
    parts = _without_titles(parts)
    if all(part.casefold().strip(".,") in _DATES for part in parts):
        return ""
    bare = _ADJECTIVE.sub("", " ".join(parts))
    return f"{bare}." if _INITIALS.search(bare) else bare


def _opens(part: str) -> bool:
    plain = part.casefold()
    return plain in _IN_FRONT or plain in _WEEKDAYS or plain[:2] in ("i'", "i’")


def _without_titles(parts: Sequence[str]) -> Sequence[str]:
    """Keep what follows the last title, or adjective like "Kremlin-backed", that stands before."""
    for place in range(len(parts) - 2, -1, -1):
        if _is_title(parts, place) or _ADJECTIVE.search(parts[place]):
            rest = parts[place + 1 :]
            # not of "Secretary of State"
            return rest if rest[0][0].isupper() and rest[0] != "General" else parts
    return () if len(parts) == 1 and _is_title(parts, 0) else parts


def _is_title(parts: Sequence[str], place: int) -> bool:
    plain = parts[place].casefold().rstrip(".")
    if plain == "general" and place and parts[place - 1].casefold() in _HIGHEST:
        return True  # "Attorney General", but not "General Assembly"
    return plain.removeprefix("then-").removeprefix("ex-").removeprefix("vice-") in _TITLES


def _unite(holders: dict[str, set[int]]) -> None:
    """Give the articles of each name to the one that stands for its bearer."""
    endings: dict[str, list[str]] = defaultdict(list)
    for name in holders:
        parts = name.split()
        for start in range(1, len(parts)):
            shorter = " ".join(parts[start:])
            if shorter in holders and parts[start - 1] not in _PARTICLES:
                endings[shorter].append(name)
    # Longest first: of three that end alike, two are one before the third is looked at.
    for shorter in sorted(endings, key=lambda name: (-name.count(" "), name)):
        longer = [name for name in endings[shorter] if name in holders]
        if " " in shorter:
            for name in longer:
                if len(holders[name]) <= len(holders[shorter]):
                    holders[shorter] |= holders.pop(name)
        longer = sorted(
            (name for name in longer if name in holders),
            key=lambda name: (-len(holders[name]), name),
        )
        if longer and _is_clear([len(holders[name]) for name in longer], len(holders[shorter])):
            holders[longer[0]] |= holders.pop(shorter)


def _is_clear(longer: Sequence[int], shorter: int) -> bool:
    """Say whether a shorter name means the first of the longer ones, by the articles of each."""
    alone = len(longer) == 1 or longer[0] >= _DOMINANT * longer[1]
    return alone and longer[0] >= _LEAST_SHARE * shorter


def _usual(spellings: Counter[str]) -> str:
    """Give the most frequent spelling, one in small letters before one in capitals."""
    return min(spellings, key=lambda name: (name.isupper(), -spellings[name], name))

"""Plant copies and look-alikes in a stream of news, with the answer for every document.

Two parts, made alike from different stories and different templates: thresholds are chosen on
``tuning``, figures are reported from ``report``. Every choice follows from the seed and the ids.
"""

import gzip
import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.near_duplicates_templates import TEMPLATES, fill

PARTS = ("tuning", "report")
COPIES = (
    "exact", "retitled", "clutter", "cut", "reordered", "new_lead",
    "edit5", "edit10", "edit20", "mixed",
)  # fmt: skip
SWAPPED = ("swapped_all", "swapped_half", "swapped_numbers", "swapped_loose")
TEMPLATED = "template"
REAL = "real"
LEAST_WORDS = 120  # of a story that is copied
_REAL_COPY_SHARE = 0.4  # of the shorter story's 5-grams: such pairs of real stories are set aside
_INSTANCES = 25  # reports made of one template
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_FACT = re.compile(r"\d+(?:[.,:]\d+)*|(?<=[a-z,;] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")


@dataclass(frozen=True)
class Document:
    """One text of the set and what is true of it."""

    id: str
    title: str
    text: str
    group: str  # documents of one group are copies of each other
    kind: str  # real, template, one of COPIES (a copy) or of SWAPPED (a look-alike)
    like: str  # the document it was made from; "" for a first text


@dataclass(frozen=True)
class Part:
    """Documents in the order they arrive: an original always before its copies."""

    name: str
    documents: list[Document]
    set_aside: list[tuple[str, str, float]]  # real pairs removed: id, earlier id, share of 5-grams


def build(stream: Path, documents: int, seed: int) -> list[Part]:
    """Make the tuning and the report part from the first ``documents`` stories of ``stream``."""
    stories, set_aside = _without_real_copies(list(_read(stream, documents)))
    parts = []
    for number, name in enumerate(PARTS):
        own = [story for story in stories if _half(story.id, seed) == number]
        removed = [pair for pair in set_aside if _half(pair[0], seed) == number]
        parts.append(_part(name, own, removed, seed))
    return parts


def _read(stream: Path, documents: int) -> Iterator[Document]:
    opened = gzip.open if stream.suffix == ".gz" else open
    with opened(stream, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number == documents:
                return
            row = json.loads(line)
            yield Document(
                row["id"], row["title"].strip(), row["text"].strip(), row["id"], REAL, ""
            )


def _half(key: str, seed: int) -> int:
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()[0] % 2


def _without_real_copies(
    stories: list[Document],
) -> tuple[list[Document], list[tuple[str, str, float]]]:
    """Keep the first of real stories that share much text, found by all their 5-grams."""
    holders: dict[int, list[int]] = defaultdict(list)
    sizes: list[int] = []
    kept: list[Document] = []
    set_aside: list[tuple[str, str, float]] = []
    for story in stories:
        tokens = _WORD.findall(story.text.lower())
        grams = {hash(tuple(map(_stable, tokens[at : at + 5]))) for at in range(len(tokens) - 4)}
        shared: dict[int, int] = defaultdict(int)
        for gram in grams:
            for holder in holders.get(gram, ()):
                shared[holder] += 1
        best = max(
            ((count / max(1, min(len(grams), sizes[at])), -at) for at, count in shared.items()),
            default=(0.0, 0),
        )
        if best[0] >= _REAL_COPY_SHARE:
            set_aside.append((story.id, kept[-best[1]].id, round(best[0], 3)))
            continue
        for gram in grams:
            holders[gram].append(len(kept))
        sizes.append(len(grams))
        kept.append(story)
    return kept, set_aside


def _stable(word: str) -> int:
    return int.from_bytes(word.encode(), "little") % (2**61 - 1)  # hash() of a str is salted


def _part(
    name: str, stories: list[Document], set_aside: list[tuple[str, str, float]], seed: int
) -> Part:
    rng = random.Random(f"{seed}/{name}")
    words = [word for story in stories[:400] for word in story.text.split()]
    titles = [story.title for story in stories]
    made: list[Document] = list(stories)
    originals = [story for story in stories if len(story.text.split()) >= LEAST_WORDS]
    makers = _makers(words, titles)
    for number, story in enumerate(rng.sample(originals, len(originals) * 3 // 5)):
        for offset in (0, 4, 7)[: 1 + number % 3]:  # groups of two, three and four
            kind = COPIES[(number // 3 + offset + number) % len(COPIES)]
            made.append(_copy(story, kind, makers, rng))
        if number % 4 == 0:
            kind = SWAPPED[number // 4 % len(SWAPPED)]
            made += _swapped(story, kind, stories, makers, rng)
    made += _templated(name, makers, rng)
    return Part(name, _ordered(made, rng), set_aside)


def _copy(
    story: Document, kind: str, makers: dict[str, Callable[..., Document]], rng: random.Random
) -> Document:
    made = makers[kind](story, rng)
    return replace(made, id=f"{story.id}+{kind}", group=story.group, kind=kind, like=story.id)


def _makers(words: list[str], titles: list[str]) -> dict[str, Callable[..., Document]]:
    def retitled(story: Document, rng: random.Random) -> Document:
        return replace(story, title=rng.choice(_HEADLINES).format(title=_short(story.title)))

    def clutter(story: Document, rng: random.Random) -> Document:
        head, foot = rng.choice(_SITES)
        related = rng.sample(titles, min(4, len(titles)))
        return replace(story, text="\n\n".join([head, story.text, foot, *related]))

    def edit(share: float) -> Callable[..., Document]:
        return lambda story, rng: replace(story, text=change_words(story.text, share, words, rng))

    def mixed(story: Document, rng: random.Random) -> Document:
        return clutter(cut(edit(0.05)(retitled(story, rng), rng), rng, (0.6, 0.9)), rng)

    return {
        "exact": lambda story, rng: story,
        "retitled": retitled,
        "clutter": clutter,
        "cut": cut,
        "reordered": reordered,
        "new_lead": new_lead,
        "edit5": edit(0.05),
        "edit10": edit(0.10),
        "edit20": edit(0.20),
        "mixed": mixed,
    }


def _short(title: str) -> str:
    return " ".join(title.split()[:6])


def _pieces(text: str) -> tuple[list[str], str]:
    """Split a text into paragraphs, or into sentences when it has too few."""
    paragraphs = [piece for piece in text.split("\n\n") if piece.strip()]
    if len(paragraphs) >= 4:
        return paragraphs, "\n\n"
    return re.split(r"(?<=[.!?]) ", text), " "


def cut(story: Document, rng: random.Random, shares: tuple[float, float] = (0.3, 0.7)) -> Document:
    """Keep the first 30 to 70 % of the words, to the end of a paragraph."""
    pieces, joint = _pieces(story.text)
    wanted = rng.uniform(*shares) * len(story.text.split())
    kept: list[str] = []
    for piece in pieces:
        if kept and sum(len(item.split()) for item in kept) >= wanted:
            break
        kept.append(piece)
    return replace(story, text=joint.join(kept))


def reordered(story: Document, rng: random.Random) -> Document:
    """Move the paragraphs about."""
    pieces, joint = _pieces(story.text)
    return replace(story, text=joint.join(rng.sample(pieces, len(pieces))))


def new_lead(story: Document, rng: random.Random) -> Document:
    """Put another opening in the place of the first paragraph."""
    pieces, joint = _pieces(story.text)
    lead = f"{_short(story.title)}: {' '.join(rng.sample(_LEADS, 2))}"
    return replace(story, text=joint.join([lead, *pieces[1:]]))


def change_words(text: str, share: float, words: list[str], rng: random.Random) -> str:
    """Replace (7 of 10), drop or add words; names and numbers are hit as often as they occur."""
    pieces = re.split(r"(\s+)", text)  # words at even places, what parts them at odd ones
    places = range(0, len(pieces), 2)
    for at in rng.sample(places, round(share * len(places))):
        how = rng.random()
        if how < 0.7:
            pieces[at] = rng.choice(words)
        elif how < 0.85:
            pieces[at] = ""
        else:
            pieces[at] += f" {rng.choice(words)}"
    return "".join(pieces)


def _swapped(
    story: Document,
    kind: str,
    stories: list[Document],
    makers: dict[str, Callable[..., Document]],
    rng: random.Random,
) -> list[Document]:
    """Tell another story in the words of this one: its names, its numbers or both changed."""
    facts = sorted(set(_FACT.findall(story.text)))
    if kind == "swapped_numbers":
        facts = [fact for fact in facts if _NUMBER.fullmatch(fact)]
    if kind == "swapped_half":
        facts = rng.sample(facts, (len(facts) + 1) // 2)
    if len(facts) < 4:
        return []
    names = [name for other in rng.sample(stories, min(9, len(stories)))
             for name in _FACT.findall(other.text) if not _NUMBER.fullmatch(name)]  # fmt: skip
    swaps = {fact: _other_fact(fact, names, rng) for fact in facts}
    text = _FACT.sub(lambda found: swaps.get(found[0], found[0]), story.text)
    made = replace(story, text=text)
    if kind == "swapped_loose":
        made = makers["edit5"](made, rng)
    key = f"{story.id}+{kind}"
    return [replace(made, id=key, group=key, kind=kind, like=story.id)]


def _other_fact(fact: str, names: list[str], rng: random.Random) -> str:
    if not _NUMBER.fullmatch(fact):
        others = [name for name in names if name != fact]
        return rng.choice(others) if others else "Nobody"
    while True:
        other = re.sub(r"\d", lambda digit: str(rng.randrange(10)), fact)
        if other != fact:
            return other


def _templated(
    part: str, makers: dict[str, Callable[..., Document]], rng: random.Random
) -> list[Document]:
    made = []
    for name, template in sorted(TEMPLATES[part].items()):
        for number in range(_INSTANCES):
            title, text = fill(template, number, rng)
            key = f"{part}-{name}-{number}"
            report = Document(key, title, text, key, TEMPLATED, "")
            made.append(report)
            if number % 5 == 0:
                kind = ("exact", "retitled", "clutter")[number // 5 % 3]
                made.append(_copy(report, kind, makers, rng))
    return made


def _ordered(made: list[Document], rng: random.Random) -> list[Document]:
    """Shuffle, but keep every text behind the one it was made from."""
    at: dict[str, float] = {}
    for document in made:  # an original stands before what was made from it
        at[document.id] = rng.uniform(at.get(document.like, 0.0), 1.0)
    return sorted(made, key=lambda document: (at[document.id], document.id))


_HEADLINES = (
    "What we know: {title}",
    "{title} – the day's report",
    "Report: {title}",
    "In full: how it came about",
    "Live: {title}",
    "The morning's most read story",
)
_LEADS = (
    "Our newsroom has followed the matter since it became known and sums it up here.",
    "Much is still open, and those concerned have so far said little to us.",
    "Readers have asked for the background, which we give below as far as it is certain.",
    "The agency that first carried the report has since added to it several times.",
    "What follows is the state of things when this page was closed for print.",
    "It is a story with a long past, and it will keep people busy for weeks.",
)
_SITES = (
    (
        "Home News Sport Business Opinion Weather Subscribe Sign in",
        "Sign up for our newsletter and get the five stories of the day at 7:30 every morning. "
        "By signing up you agree to our terms of use and privacy notice. Copyright 2020 Harbour "
        "Post Media Ltd. All rights reserved. Contact the editor at Quay Street 12.",
    ),
    (
        "Advertisement. Scroll down to continue reading.",
        "Follow us on our channels and share this article with friends. Comments are closed. Read "
        "more from our correspondents. Most read this week:",
    ),
    (
        "You have read 3 of 5 free articles this month. Already a member of the Valley Courier? "
        "Log in here to go on reading without limits.",
        "The Valley Courier is supported by its readers. When you buy through links on our site "
        "we may earn a commission. Related stories you may like:",
    ),
    (
        "Print edition, page 4. Reading time 6 minutes. Listen to this article.",
        "Have you seen a mistake? Write to corrections desk, Northgate House, PO Box 771. This "
        "report was made with material of news agencies. More on this topic:",
    ),
    (
        "Skip to content. Menu. Search. E-paper. Jobs. Property. Cars. Obituaries.",
        "Share on all networks. Save for later. Tags: news, world, politics. Next story. Previous "
        "story. Recommended for you by our partners:",
    ),
    (
        "BREAKING NEWS ALERTS: turn on notifications to be the first to know.",
        "Story continues in our app, which 250,000 readers use already. Download it now. "
        "Editing by the night desk. See also:",
    ),
)

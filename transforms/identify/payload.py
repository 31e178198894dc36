"""What an entry says, freed from markup just far enough to compare it with what came before."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from schemas import Entry
from transforms._shared.words import shingle_hashes, word_hash, words
from transforms.identify.sketch import MAX_HASHES, Sketch, sketch

_DIGIT = re.compile(r"\d")
_MIN_PARAGRAPH_WORDS = 30  # fewer, and a page keeps its text elsewhere than in <p>
_UNSEEN_TAGS = ("script", "style", "noscript", "template")


@dataclass(frozen=True)
class Payload:
    """An entry's words as hashes and samples; equal text hashes mean equal words."""

    text_hash: bytes  # SHA-256 of title and text, case, accents' form and punctuation aside
    title_hash: bytes  # 8 bytes
    words: Sketch  # of the text's word 3-grams, without the title
    numbers: Sketch  # of the numbers in the text
    word_count: int  # of the text


def read_payload(entry: Entry) -> Payload:
    """Take the measures of an entry's title and of its fullest text.

    Of a whole page all visible text counts. Its numbers are those of its paragraphs, because
    what stands around them (clocks, counters of comments) changes with every visit.
    """
    text, paragraphs = _texts(entry)
    title_words, text_words = words(entry.title), words(text)
    counted = text_words if paragraphs is text else words(paragraphs)
    numbers = (word for word in counted if not word.isalpha() and _DIGIT.search(word))
    return Payload(
        text_hash=_text_hash(entry, title_words, text_words),
        title_hash=hashlib.sha256(_joined(title_words)).digest()[:8],
        # Ascending already: one hash beyond the bound tells that some are left out.
        words=sketch(shingle_hashes(text_words)[: MAX_HASHES + 1].tolist()),
        numbers=sketch(word_hash(number) >> 32 for number in numbers),
        word_count=len(text_words),
    )


def text_hash(entry: Entry) -> bytes:
    """Hash the words of an entry; the same as ``read_payload(entry).text_hash``, but cheaper."""
    return _text_hash(entry, words(entry.title), words(_texts(entry)[0]))


def _text_hash(entry: Entry, title: list[str], text: list[str]) -> bytes:
    if not title and not text:
        # Nothing to compare: two silent entries are not the same article.
        return hashlib.sha256(b"\x00" + entry.key.encode("utf-8", "surrogatepass")).digest()
    return hashlib.sha256(_joined(title) + b"\n" + _joined(text)).digest()


def _texts(entry: Entry) -> tuple[str, str]:
    """Give the whole text and the part whose numbers matter."""
    if entry.content and entry.content_type == "text":
        return entry.content, entry.content
    text = entry.content or entry.summary
    if "<" not in text and "&" not in text:
        return text, text
    return _html_texts(text, whole_page=bool(entry.content) and entry.content_type == "page")


def _html_texts(markup: str, whole_page: bool) -> tuple[str, str]:
    root = _parse(markup)
    text = " ".join(root.itertext()) if root is not None else ""
    if root is None or not text.strip():
        return markup, markup
    if not whole_page:
        return text, text
    paragraphs = " ".join(" ".join(element.itertext()) for element in root.iter("p"))
    if len(paragraphs.split()) < _MIN_PARAGRAPH_WORDS:
        return text, text
    return text, paragraphs


def _parse(markup: str) -> Any:
    """Parse html without what a reader does not see; None when it could not be read to its end.

    Half a text must not pass for the whole: two articles could then look the same.
    """
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    try:
        root = etree.fromstring(markup.replace("\x00", " ").encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return None
    if root is None or len(parser.error_log.filter_from_fatals()):
        return None
    etree.strip_elements(root, *_UNSEEN_TAGS, with_tail=False)
    return root


def _joined(tokens: list[str]) -> bytes:
    return " ".join(tokens).encode("utf-8", "surrogatepass")

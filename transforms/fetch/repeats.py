"""The same text under many addresses of one site: whatever it says, it is no article."""

import hashlib
import re
from collections import OrderedDict
from datetime import datetime, timedelta

from transforms._shared.words import words

MIN_URLS = 3
_WITHIN = timedelta(days=1)
_MAX_TEXTS = 50_000
_DIGIT = re.compile(r"\d")


def text_hash(text: str) -> bytes:
    """Hash the words of a page's visible text; words with digits (times, request ids) aside."""
    kept = " ".join(word for word in words(text) if not _DIGIT.search(word))
    return hashlib.sha256(kept.encode("utf-8", "surrogatepass")).digest()


class RepeatedTexts:
    """Remembers under which addresses of a domain a text was seen, for a day.

    A wall that no rule knows shows the same text whatever was asked for. The first two such pages
    cannot be told from articles; a text that names the article asked for never can.

    What is said depends on nothing but what was added before. At most ``max_texts`` texts are
    kept, each with its three latest addresses; those not seen for longest are forgotten.

    Args:
        max_texts: remembered at the same time; about 400 bytes each.
    """

    def __init__(self, max_texts: int = _MAX_TEXTS) -> None:
        self._max_texts = max_texts
        self._seen: OrderedDict[tuple[str, bytes], OrderedDict[bytes, datetime]] = OrderedDict()

    def add(self, domain: str, url: str, text: bytes, at: datetime) -> None:
        """Take note of a page.

        Args:
            domain: where it was found.
            url: what was asked for; the same one counts once.
            text: its ``text_hash``.
            at: when it was fetched.
        """
        key = (domain, text)
        urls = self._seen.setdefault(key, OrderedDict())
        self._seen.move_to_end(key)
        name = hashlib.sha256(url.encode("utf-8", "surrogatepass")).digest()[:8]
        urls[name] = at
        urls.move_to_end(name)
        if len(urls) > MIN_URLS:
            urls.popitem(last=False)
        if len(self._seen) > self._max_texts:
            self._seen.popitem(last=False)

    def is_wall(self, domain: str, text: bytes, at: datetime) -> bool:
        """Say whether the text stood at three addresses of the domain within a day of ``at``."""
        urls = self._seen.get((domain, text))
        times = urls.values() if urls else ()
        return sum(1 for seen in times if abs(at - seen) <= _WITHIN) >= MIN_URLS

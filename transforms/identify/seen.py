"""Which article an entry is, and whether it says anything new."""

import hashlib
import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from schemas import Entry, Identified, Notice, Repeat, Sighting, TakenBack
from schemas.ids import article_id, is_web_url
from transforms._shared.publisher import is_one_publisher
from transforms._shared.redact import redact_url
from transforms._shared.urls import canonical_url
from transforms.identify.deletion import deletion_notice
from transforms.identify.identity import (
    identity_key_of,
    own_site_url,
    own_url,
    taken_back_key,
    url_bucket,
)
from transforms.identify.payload import Payload, read_payload
from transforms.identify.sketch import Sketch

MAX_REVISIONS = 24  # per article: what changes more often flaps, and is then left as it is
MIN_CONTAINMENT = 0.9  # share of word 3-grams; what changes less is the same text
_MAX_NAMES = 32  # URLs and guids one article is known by
_MAX_TEXTS = 48  # texts of one article known by their hash

_VERSION = b"\x04"
_PARTS = 8  # byte strings per article
_NAME_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_STEP = timedelta(days=1) // _MICROSECOND  # that one entry can age the index by
_TOLD_AGAIN = 4  # times in a window that an article still seen is told again


@dataclass
class _Seen:
    """One article as it was last let through."""

    article_id: str
    key: str  # under which entries that may be this article meet
    canonical_url: str
    revision: int
    last_seen: int  # microseconds: the index's age at the last sighting
    title_hash: bytes
    words: Sketch
    numbers: Sketch
    word_count: int
    feed: bytes  # that brought it first, as ``_feed_name`` names it
    texts: list[bytes] = field(default_factory=list)  # shortened text hashes, oldest first
    names: list[bytes] = field(default_factory=list)
    taken_back: bool = False  # its feed said so
    told: int = 0  # age of the index when this was last handed out by ``changes``,
    told_at: datetime = _EPOCH  # and the time then


@dataclass(frozen=True)
class _Names:
    own: bytes  # of the URL, or of the text when there is no own URL
    own_reason: str  # what a repeat under that name is called
    guid: bytes  # b"" when the entry has no guid that could be compared


class SeenIndex:
    """Recognises articles by URL, guid or text, and lets only new and changed ones pass.

    What it must never do is take two articles for one: the second would be lost. So the canonical
    URL decides first, and an entry without a URL of its own is known by its text alone. A guid
    is only an alias: publishers re-use guids for other items and change the URLs of one item, so
    the same guid in the same feed means the same article only if title or text agree as well.

    A known article passes again, with the next revision, when the change is material: its title
    differs, or a number was replaced, or less than ``MIN_CONTAINMENT`` of the shorter text is in
    the longer one. So a fuller version of the same item (first the summary, later the whole
    text) is a repeat, and so is a text this article had before, and everything after
    ``MAX_REVISIONS``. The same text under two web URLs is no repeat but a copy, which a later
    stage judges.

    Args:
        window: an article is forgotten when it was not seen again for this long, measured by
            ``received_at``. A day in which nothing is received at all counts once, however long
            it lasted: what a feed still offers after a break was not forgotten meanwhile. None
            forgets nothing, for bounded input: files of many years can be dropped together.
        known: ids of articles of which nothing else is remembered; they do not pass again, and
            changes of theirs are not seen.

    Memory: about 4 KB per article seen within the window and 0.5 KB as bytes; an article that
    changes its text and its addresses again and again takes at most four times that.
    """

    def __init__(self, window: timedelta | None, known: frozenset[str] = frozenset()) -> None:
        self._window = window
        self._known = known
        self._clock = 0  # largest received_at, in microseconds since 1970; 0 before the first
        self._age = 0  # microseconds that entries were received in
        self._changed: dict[str, None] = {}
        self._articles: OrderedDict[str, _Seen] = OrderedDict()  # by last sighting, oldest first
        self._names: dict[bytes, str] = {}  # name → article_id

    def __len__(self) -> int:
        return len(self._articles)

    def identify(self, entry: Entry) -> Identified | Repeat:
        """Decide on one entry; entries are to come in the order they were received."""
        self._advance(entry.received_at)
        url = own_url(entry)
        payload = read_payload(entry)
        names = _names(entry, url, payload)
        found = self._find(names, payload)
        if found is None:
            return self._add(entry, url, names, payload)
        seen, reason = found
        self._touch(seen, names)
        texts, counted = len(seen.texts), seen.word_count
        if not _is_material(seen, payload):
            if (texts, counted) != (len(seen.texts), seen.word_count):
                self._changed[seen.article_id] = None
            return Repeat(key=entry.key, article_id=seen.article_id, reason=reason)
        seen.revision += 1
        _learn(seen, payload)
        self._changed[seen.article_id] = None
        passed_on = bool(entry.feed_url) and not (
            _may_speak(entry.feed_url, seen)
            # A feed kept as a file has no address but the home it names.
            or (
                not is_web_url(entry.feed_url)
                and is_one_publisher(seen.canonical_url, entry.source_url)
            )
        )
        return Identified(
            entry, seen.article_id, seen.canonical_url, seen.revision, passed_on=passed_on
        )

    def take_back(self, taken: TakenBack) -> Notice | str:
        """Decide on an item that a feed says was deleted.

        A feed takes back what it showed under that id, if it brought the article first or is of
        the article's publisher, and an address of its own publisher; never what another published.

        Returns:
            The notice, once for each article; else ``again``, or ``unknown`` when no article that
            is remembered is meant.
        """
        self._advance(taken.received_at)
        guid = _guid_name(taken_back_key(taken), taken.feed_url, taken.ref)
        url = own_site_url(taken)
        article = self._names.get(guid)
        if article is None or not _may_speak(taken.feed_url, self._articles[article]):
            article = self._names.get(_name("url", url)) if url else None
        if article is None:
            return "unknown"
        seen = self._articles[article]
        if seen.taken_back:
            return "again"
        seen.taken_back = True
        self._changed[article] = None
        return deletion_notice(taken, article)

    def _find(self, names: _Names, payload: Payload) -> tuple[_Seen, str] | None:
        known = self._names.get(names.own)
        if known is not None:
            return self._articles[known], names.own_reason
        known = self._names.get(names.guid)
        if known is None:
            return None
        seen = self._articles[known]
        same_title = seen.title_hash == payload.title_hash != _NO_TITLE
        if same_title or _short(payload.text_hash) in seen.texts:
            return seen, "same_guid"
        return None

    def _add(self, entry: Entry, url: str, names: _Names, payload: Payload) -> Identified | Repeat:
        name = article_id(url, payload.text_hash.hex())
        if name in self._known:
            return Repeat(key=entry.key, article_id=name, reason=names.own_reason)
        seen = _Seen(
            article_id=name,
            key=identity_key_of(url, payload.text_hash),
            canonical_url=url or canonical_url(entry.url),
            revision=1,
            last_seen=self._age,
            title_hash=payload.title_hash,
            words=payload.words,
            numbers=payload.numbers,
            word_count=payload.word_count,
            feed=_feed_name(entry.feed_url),
            texts=[_short(payload.text_hash)],
        )
        self._articles[seen.article_id] = seen
        self._touch(seen, names)
        return Identified(entry, seen.article_id, seen.canonical_url, seen.revision)

    def _touch(self, seen: _Seen, names: _Names) -> None:
        seen.last_seen = self._age
        self._articles.move_to_end(seen.article_id)
        if self._window and self._age - seen.told > self._window // _MICROSECOND // _TOLD_AGAIN:
            self._changed[seen.article_id] = None
        for name in (names.own, names.guid):
            owner = self._names.get(name)
            if not name or owner == seen.article_id or len(seen.names) >= _MAX_NAMES:
                continue
            if owner is not None:  # a re-used guid stands for the item that bore it last
                self._articles[owner].names.remove(name)
            seen.names.append(name)
            self._changed[seen.article_id] = None
            self._names[name] = seen.article_id

    def _advance(self, received_at: datetime) -> None:
        clock = (received_at - _EPOCH) // _MICROSECOND
        if clock > self._clock:
            self._age += min(clock - self._clock, _LONGEST_STEP) if self._clock else 0
            self._clock = clock
        if self._window is None:
            return
        oldest = self._age - self._window // _MICROSECOND
        while self._articles:
            seen = next(iter(self._articles.values()))
            if seen.last_seen >= oldest:
                return
            del self._articles[seen.article_id]
            for name in seen.names:
                del self._names[name]

    def changes(self) -> list[Sighting]:
        """Give what another index has to ``learn``, since the last call, to decide alike.

        An article that is merely seen again is among them once in a quarter of the window.
        """
        changed, self._changed = self._changed, {}
        return [self._sighting(name) for name in changed if name in self._articles]

    def holds(self, sighting: Sighting) -> bool:
        """Say whether a sighting is the last one told of an article that is not forgotten."""
        seen = self._articles.get(sighting.article_id)
        return seen is not None and sighting.seen_at >= seen.told_at

    def learn(self, sighting: Sighting) -> None:
        """Take over what another index knows of an article; what comes later overrules.

        Raises:
            ValueError: the state is of another version or broken.
        """
        seen = _unpacked(sighting)
        seen.last_seen = seen.told = self._age
        seen.told_at = sighting.seen_at
        known = self._articles.pop(seen.article_id, None)
        for name in known.names if known else ():
            del self._names[name]
        self._articles[seen.article_id] = seen
        for name in list(seen.names):
            owner = self._names.get(name)
            if owner is not None:  # a re-used guid stands for the item that bore it last
                self._articles[owner].names.remove(name)
            self._names[name] = seen.article_id

    def _sighting(self, article: str) -> Sighting:
        seen = self._articles[article]
        at = _EPOCH + self._clock * _MICROSECOND
        seen.told, seen.told_at = self._age, at
        return Sighting(article, seen.revision, seen.key, at, _packed(seen))


_NO_TITLE = hashlib.sha256(b"").digest()[:8]


def _names(entry: Entry, url: str, payload: Payload) -> _Names:
    if not url:
        return _Names(_name("text", payload.text_hash.hex()), "same_text", b"")
    guid = b""
    if entry.guid and entry.feed_url:
        guid = _guid_name(url_bucket(url), entry.feed_url, entry.guid)
    return _Names(_name("url", url), "same_url", guid)


def _guid_name(bucket: str, feed_url: str, guid: str) -> bytes:
    # With the bucket, so that one index decides as many indexes side by side do.
    return _name("guid", bucket, feed_url, guid)


def _feed_name(feed_url: str) -> bytes:
    return _name("feed", feed_url)


def _may_speak(feed_url: str, seen: _Seen) -> bool:
    """Say whether a feed is believed in what becomes of an article, not only passes it on."""
    return seen.feed == _feed_name(feed_url) or is_one_publisher(seen.canonical_url, feed_url)


def _name(*parts: str) -> bytes:
    data = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).digest()[:_NAME_BYTES]


def _short(text_hash: bytes) -> bytes:
    return text_hash[:_NAME_BYTES]


def _is_material(seen: _Seen, payload: Payload) -> bool:
    """Say whether a known article changed enough to pass again; remember the text if it did not."""
    text = _short(payload.text_hash)
    if text in seen.texts or seen.revision >= MAX_REVISIONS:
        return False
    if seen.title_hash != payload.title_hash:
        return True
    fuller = _is_within(seen.words, seen.numbers, payload.words, payload.numbers)
    if not fuller and not _is_within(payload.words, payload.numbers, seen.words, seen.numbers):
        return True
    if fuller and payload.word_count > seen.word_count:
        _learn(seen, payload)  # later changes are to be measured against the fuller text
    elif len(seen.texts) < _MAX_TEXTS:
        seen.texts.append(text)
    return False


def _is_within(words: Sketch, numbers: Sketch, more_words: Sketch, more_numbers: Sketch) -> bool:
    return words.share_in(more_words) >= MIN_CONTAINMENT and numbers.share_in(more_numbers) == 1.0


def _learn(seen: _Seen, payload: Payload) -> None:
    seen.title_hash = payload.title_hash
    seen.words = payload.words
    seen.numbers = payload.numbers
    seen.word_count = payload.word_count
    if len(seen.texts) < _MAX_TEXTS:
        seen.texts.append(_short(payload.text_hash))


def _packed(seen: _Seen) -> bytes:
    parts = (
        redact_url(seen.canonical_url).encode("utf-8", "surrogatepass"),
        struct.pack(">QQ?", seen.revision, seen.word_count, seen.taken_back),
        seen.feed,
        seen.title_hash,
        seen.words.to_bytes(),
        seen.numbers.to_bytes(),
        b"".join(seen.texts),
        b"".join(seen.names),
    )
    return _VERSION + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _unpacked(sighting: Sighting) -> _Seen:
    data = sighting.state
    if not data.startswith(_VERSION):
        raise ValueError(f"sighting of {sighting.article_id} is of another version")
    try:
        parts = list(_parts(data, len(_VERSION)))
        if len(parts) != _PARTS:
            raise struct.error("cut short")
        revision, word_count, taken_back = struct.unpack(">QQ?", parts[1])
        return _Seen(
            article_id=sighting.article_id,
            key=sighting.identity_key,
            canonical_url=parts[0].decode("utf-8", "surrogatepass"),
            revision=revision,
            last_seen=0,
            feed=parts[2],
            title_hash=parts[3],
            words=Sketch.from_bytes(parts[4]),
            numbers=Sketch.from_bytes(parts[5]),
            word_count=word_count,
            texts=_split(parts[6]),
            names=_split(parts[7]),
            taken_back=taken_back,
        )
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"sighting of {sighting.article_id} is broken ({error})") from error


def _parts(data: bytes, start: int) -> Iterator[bytes]:
    while start < len(data):
        (length,) = struct.unpack_from(">I", data, start)
        start += 4
        if start + length > len(data):
            raise struct.error("cut short")
        yield data[start : start + length]
        start += length


def _split(joined: bytes) -> list[bytes]:
    return [joined[at : at + _NAME_BYTES] for at in range(0, len(joined), _NAME_BYTES)]

"""The text of a feed made safe for feedparser, and what a look at it says.

feedparser 6.0.14 takes time quadratic in the length of a word in an author's name (its address
pattern), in the number of categories of one item, of attributes of one tag (163 seconds for a
megabyte) and of processing instructions inside xhtml; it expands entities without a limit and fails
altogether on a reference to an impossible character. None of this may stop a run, so those places
are made harmless here, in time linear in the length of the feed.
"""

import html
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5

from transforms._shared.rejects import RejectError

MAX_AUTHOR_CHARS = 500  # of an author element; beyond it, its words are broken up
MAX_ENTITY_DECLARATIONS = 2048  # characters between the brackets of a DOCTYPE
MAX_TAGS = 1_000_000  # looked at here
MAX_READ_TAGS = 400_000  # in the items wanted; feedparser takes up to 50 microseconds for each
MAX_ATTRIBUTES = 200  # of one tag; the others are left out
FEED_ROOTS = frozenset(("rss", "feed", "rdf:rdf", "rdf", "channel"))
_LONG_WORD = 100
_JUNK_BEFORE_ROOT = 4096  # characters of a server's warnings, or html around the feed

_SPACE = re.compile(r"[\s\ufeff]*")
_NAME = re.compile(r"<([A-Za-z_][\w.\-]*(?::[A-Za-z_][\w.\-]*)?)")
_LATE_ROOT = re.compile(r"<(?:\?xml|rss|feed|rdf:rdf)[\s>]", re.IGNORECASE)
_ENTITY = re.compile(
    r"""<!ENTITY\s{1,9}([A-Za-z]\w{0,40})\s{1,9}["']([^"'<>&%]{0,64})["']\s{0,9}>"""
)
_DECLARED = re.compile(r"""<!ENTITY\s{1,9}([^\s%&;<>"']{1,100})\s""")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCE = re.compile(r"&(?:(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{0,40});)?")
_XML_NAMES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_SPECIAL = frozenset("&<>\"'")
_ITEM = re.compile(r"<(?:[\w.\-]+:)?(?:item|entry)(?=[\s/>])", re.IGNORECASE)
_ITEM_OR_DELETED = re.compile(
    r"<(?P<end>/)?(?:[\w.\-]+:)?(?:item|entry|(?P<deleted>deleted-entry))(?=[\s/>])"
    r"(?P<attributes>[^<>]*)",
    re.IGNORECASE,
)
_DELETED = re.compile(  # the whole element, unless it holds an item or another one
    r"<(?:[\w.\-]+:)?deleted-entry(?=[\s/>])[^<>]*(?:(?<=/)>|>"
    r"(?:[^<]|<(?!/?(?:[\w.\-]+:)?(?:deleted-entry|item|entry)[\s/>]))*+"
    r"</(?:[\w.\-]+:)?deleted-entry\s{0,9}>)",
    re.IGNORECASE,
)
_REF = re.compile(r"""\sref\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_WHEN = re.compile(r"""\swhen\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_MAX_WHEN_CHARS = 40
_MAX_ATTRIBUTE_CHARS = 8192  # of one tag
_INSTRUCTION = re.compile(r"<\?[^<>]*\?>")
_TAG_LIST = re.compile(
    r"(</?\s{0,9})(?:[\w.\-]*[:_])?(?:category|keywords|subject|tags)(?![\w:.\-])", re.IGNORECASE
)
_ATTRIBUTE = r"""(?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))"""
_MANY_ATTRIBUTES = re.compile(
    rf"(<[A-Za-z_][\w:.\-]*{_ATTRIBUTE}{{{MAX_ATTRIBUTES}}}){_ATTRIBUTE}+"
)
_SHORT_TAG = re.compile(r"<([A-Za-z][-.A-Za-z0-9]*)/(?!>)")
_PERSONS = "author|creator|managingeditor|webmaster|publisher|contributor|owner|name|email"
_PERSON = re.compile(rf"<(?:[\w.\-]*[:_])?({_PERSONS})(?![\w:.\-])[^<>]*>?", re.IGNORECASE)
_PERSON_ENDS = {
    name: re.compile(rf"</\s{{0,9}}(?:[\w.\-]*[:_])?{name}(?![\w:.\-])", re.IGNORECASE)
    for name in _PERSONS.split("|")
}
_ONE_CDATA = re.compile(r"\s*<!\[CDATA\[([^<]*)\]\]>\s*")
_ADDRESS = re.compile(r"(?:mailto:)?[\w.+\-]{1,64}@[\w.\-]{1,255}", re.IGNORECASE)
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|<\s*>|&lt;\s*&gt;|\[\s*\]")
_WORD = re.compile(rf"(?:&#?\w{{1,8}};|[\w.+\-]){{{_LONG_WORD}}}")


@dataclass(frozen=True)
class FeedText:
    """A feed's markup from its root element on, with nothing left that feedparser cannot bear."""

    text: str
    root: str  # name of the first element as written; "" when there is no markup at all
    items: int  # item and entry elements that begin in it, also beyond the limit
    closed: bool  # whether its root element ends
    repaired: bool  # whether bare ampersands or undeclared entities were put right
    deleted: int = 0  # deleted-entry elements (RFC 6721) beside its items
    tombstones: tuple[tuple[str, str], ...] = ()  # ref and when of those that have a ref


def prepare(text: str, max_entries: int) -> FeedText:
    """Make ``text`` safe; only the first ``max_entries`` items stay in it.

    Raises:
        RejectError: ``entity_declarations`` or ``too_complex``.
    """
    text = _NOT_XML.sub("", text)
    start, subset = _find_root(text)
    name = _NAME.match(text, start)
    if not name:
        return FeedText(text, "", 0, False, False)
    body, closed = _root_element(text[start:], name[1])
    if body.count("<") > MAX_TAGS:
        raise RejectError("too_complex", f"the feed holds more than {MAX_TAGS} tags; split it")
    entities = _declared_entities(subset)
    _refuse_unread_entities(body, subset, entities)
    kept, items, repaired = _clean(body, entities, max_entries)
    if sum(piece.count("<") for is_markup, piece in _pieces(kept) if is_markup) > MAX_READ_TAGS:
        raise RejectError("too_complex", f"its items hold more than {MAX_READ_TAGS:,} tags")
    if entities and len(kept) > 4 * len(body) + 4096:
        raise RejectError("entity_declarations", "its entities multiply its size; remove them")
    root = name[1]
    if items > max_entries:
        kept += f"</channel></{root}>" if root.lower() == "rss" else f"</{root}>"
    deleted, tombstones = _find_deleted(body, max_entries)
    return FeedText(_tame_names(kept), root, items, closed, repaired, deleted, tombstones)


def _find_root(text: str) -> tuple[int, str]:
    """Find where the first element begins, and what the DOCTYPE before it declares."""
    position, subset, skipped_junk = 0, "", False
    while True:
        position = _skip_space(text, position)
        if text.startswith("<?", position):
            position = _after(text, "?>", position)
        elif text.startswith("<!--", position):
            position = _after(text, "-->", position + 4)
        elif text[position : position + 9].lower() == "<!doctype":
            position, subset = _skip_doctype(text, position)
        else:
            name = _NAME.match(text, position)
            if skipped_junk or (name and name[1].lower() in FEED_ROOTS):
                return position, subset
            late = _LATE_ROOT.search(text, position, position + _JUNK_BEFORE_ROOT)
            if not late:
                return position, subset
            position, skipped_junk = late.start(), True


def _root_element(body: str, root: str) -> tuple[str, bool]:
    """Cut off what follows the root element, and say whether it ends at all."""
    end_tags = re.finditer(rf"</{re.escape(root)}\s{{0,9}}(>|\Z)", body, re.IGNORECASE)
    for last in deque(end_tags, maxlen=1):
        return body[: last.end()] + ("" if last[1] else ">"), True
    return body, False


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _after(text: str, mark: str, position: int) -> int:
    found = text.find(mark, position)
    return len(text) if found < 0 else found + len(mark)


def _skip_doctype(text: str, position: int) -> tuple[int, str]:
    closing = _after(text, ">", position)
    bracket = text.find("[", position, closing)
    if bracket < 0:
        return closing, ""
    end = text.find("]", bracket)
    end = len(text) if end < 0 else end
    subset = text[bracket + 1 : end]
    if "<!entity" in subset.lower() and len(subset) > MAX_ENTITY_DECLARATIONS:
        raise RejectError(
            "entity_declarations",
            f"its DOCTYPE declares entities in {len(subset)} characters, more than "
            f"{MAX_ENTITY_DECLARATIONS}; feeds need none, remove them",
        )
    return _after(text, ">", end), subset


def _declared_entities(subset: str) -> dict[str, str]:
    """Read the plain, short entities of a DOCTYPE; those made of others stay unknown."""
    return {name: html.escape(value) for name, value in _ENTITY.findall(subset)}


def _refuse_unread_entities(body: str, subset: str, entities: dict[str, str]) -> None:
    """Refuse a feed that uses an entity made of others, or one that stands in another file."""
    names = {name for name in _DECLARED.findall(subset) if f"{name};" not in html5}
    if not (names := names - entities.keys()):
        return
    used = re.compile(f"&({'|'.join(re.escape(name) for name in sorted(names))});")
    for is_markup, piece in _pieces(body):
        if is_markup and (found := used.search(piece)):
            raise RejectError(
                "entity_declarations",
                f"its text uses the entity {found[1]}, whose declaration is not plain text; "
                "feeds need none, write the text itself",
            )


def _clean(body: str, entities: dict[str, str], max_entries: int) -> tuple[str, int, bool]:
    """Drop comments, repair what stands outside CDATA, cut after the last item wanted."""
    pieces: list[str] = []
    items, repaired = 0, False
    for is_markup, piece in _pieces(body):
        if is_markup:
            piece, changed = _repair_references(_INSTRUCTION.sub("", piece), entities)
            repaired = repaired or changed
            piece = _DELETED.sub("", piece)  # feedparser has no use for it, and needs 0.1 ms
            piece = _TAG_LIST.sub(r"\1ignored", piece)
            piece = _MANY_ATTRIBUTES.sub(r"\1", piece)
            piece = _SHORT_TAG.sub(r"<\1 /", piece).replace("<>", "&lt;&gt;")
            starts = [match.start() for match in _ITEM.finditer(piece)]
            room = max_entries - items
            if 0 <= room < len(starts):
                pieces.append(piece[: starts[room]])
            items += len(starts)
        if items <= max_entries:
            pieces.append(piece)
    return "".join(pieces), items, repaired


def _find_deleted(body: str, most: int) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Count the deleted-entry elements; give ref and when of the first ``most`` different ones.

    What stands in a comment, in CDATA or inside an item is somebody's text and takes nothing back.
    """
    found: dict[str, str] = {}
    count, inside = 0, False
    for is_markup, piece in _pieces(body):
        for match in _ITEM_OR_DELETED.finditer(piece) if is_markup else ():
            attributes = match["attributes"]
            if not match["deleted"]:
                inside = not match["end"] and not attributes.endswith("/")
            elif not inside and not match["end"]:
                count += 1
                attributes = attributes[:_MAX_ATTRIBUTE_CHARS]
                ref = _attribute(_REF, attributes)
                if ref and len(found) < most:
                    found.setdefault(ref, _attribute(_WHEN, attributes)[:_MAX_WHEN_CHARS])
    return count, tuple(found.items())


def _attribute(pattern: re.Pattern[str], attributes: str) -> str:
    match = pattern.search(attributes)
    return html.unescape(match[1] or match[2] or "").strip() if match else ""


def _pieces(body: str) -> Iterator[tuple[bool, str]]:
    """Split into (True, markup) and (False, CDATA section), without the comments."""
    position = 0
    while position < len(body):
        mark = body.find("<!", position)
        while mark >= 0 and not body.startswith(("<![CDATA[", "<!--"), mark):
            mark = body.find("<!", mark + 2)
        if mark < 0:
            yield True, body[position:]
            return
        yield True, body[position:mark]
        if body.startswith("<!--", mark):
            position = _after(body, "-->", mark + 4)
        else:
            position = _after(body, "]]>", mark + 9)
            yield False, body[mark:position]


def _repair_references(markup: str, entities: dict[str, str]) -> tuple[str, bool]:
    """Resolve what XML does not know (``&nbsp;``) and escape what refers to nothing."""
    repaired = False

    def resolve(match: re.Match[str]) -> str:
        nonlocal repaired
        name = match[1]
        if name in _XML_NAMES:
            return match[0]
        if name in entities:
            return entities[name]
        if name and name.startswith("#"):
            character = _character(name)
            return match[0] if character in _SPECIAL else character
        repaired = True
        if name and f"{name};" in html5:
            return html.escape(html5[f"{name};"])
        return f"&amp;{match[0][1:]}"

    return _REFERENCE.sub(resolve, markup), repaired


def _character(name: str) -> str:
    """Resolve ``#8230`` or ``#x2026``; U+FFFD for a character that XML does not allow.

    128 to 159 stay as they are: feedparser knows what publishers mean by them.
    """
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return _NOT_XML.sub("\ufffd", chr(code))


def _tame_names(text: str) -> str:
    """Leave in author elements only what feedparser can read: names without e-mail addresses.

    It takes addresses apart with a pattern that knows no top-level domain of over four letters
    and makes names of what is left. Overlong elements, wherever they end, get spaces into their
    long words, and before the tags inside, for feedparser joins the text around those.
    """
    pieces: list[str] = []
    position = 0
    while match := _PERSON.search(text, position):
        start = match.end()
        pieces.append(text[position:start])
        position = start
        if match[0].endswith("/>"):
            continue
        found = _PERSON_ENDS[match[1].lower()].search(text, start)
        end = found.start() if found else len(text)
        inner = text[start:end]
        if end - start > MAX_AUTHOR_CHARS:
            pieces.append(_WORD.sub(r"\g<0> ", inner.replace("<", " <")))
        elif "<" not in inner or _ONE_CDATA.fullmatch(inner):
            pieces.append(_without_address(inner))
        else:
            continue  # a person made of elements, which come next
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def _without_address(inner: str) -> str:
    cdata = _ONE_CDATA.fullmatch(inner)
    name = cdata[1] if cdata else inner
    if "@" not in name:
        return inner
    name = _EMPTY_BRACKETS.sub(" ", _ADDRESS.sub(" ", name)).strip()
    if name.startswith("(") and name.endswith(")"):
        name = name[1:-1]
    return f"<![CDATA[{name}]]>" if cdata else name

"""E-mail messages: newsletters and alerts somebody saved."""

import re
from collections.abc import Iterator
from datetime import timezone
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import parseaddr

from schemas import Document, Entry
from schemas.ids import is_web_url
from transforms._shared.charset import decode, storable
from transforms._shared.rejects import RejectError
from transforms.parse.dates import MAX_DATE_CHARS
from transforms.parse.found import Found
from transforms.parse.markup import one_line

MAX_DEPTH = 20
MAX_PARTS = 200
MAX_BOUNDARIES = 20_000
MAX_HEADER_CHARS = 2000  # of one value we read; the standard allows 998 in a line
MAX_HEADER_BYTES = 65_536  # of the message's own header
MIN_PLAIN_CHARS = 200  # a shorter plain part beside html mostly says "open in your browser"
_CONTAINER = re.compile(rb"^content-type:\s{0,9}(?:multipart|message)/", re.I | re.M)
_DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}")
_CONTENT_HEADER = re.compile(rb"^content-[a-z-]{1,30}:[^\n]*(?:\n[ \t][^\n]*)*", re.I | re.M)


def parse_email(document: Document) -> Found:
    """Read one message: its subject is the title, its text or html part the content.

    Attachments and undecodable parts are ignored and noted; forwarded messages stay in the text.

    Raises:
        RejectError: ``too_many_parts``, ``headers_too_large``, ``no_text`` when neither subject
            nor a text part says anything.
    """
    message = _load(document.content)
    plain, html, ignored = _texts(message)
    title = _header(message, "Subject")
    use_html = bool(html) and len(plain) < MIN_PLAIN_CHARS
    content = html if use_html else plain
    if not (title or content):
        raise RejectError("no_text", "the message has neither a subject nor a text part")
    sender, address = parseaddr(_header(message, "From"))
    sender, domain = one_line(sender), one_line(address.rpartition("@")[2])
    published = _date(message)
    entry = Entry(
        key=document.key,
        input_kind=document.input_kind,
        url=document.url,
        guid=_header(message, "Message-ID").strip("<> "),
        feed_url="",
        source_name=sender or domain,
        source_url=_home(domain),
        origin_publisher="",
        title=title,
        summary="",
        content=content,
        content_type="html" if use_html else "text",
        authors=(sender,) if sender else (),
        image_url="",
        language=_header(message, "Content-Language")[:35],
        published=published,
        published_source="eml" if published else "",
        received_at=document.received_at,
    )
    return Found((entry,), (), ("mail_parts_ignored",) * ignored)


def _home(domain: str) -> str:
    home = f"https://{domain.lower()}/"
    return home if _DOMAIN.fullmatch(domain) and is_web_url(home) else ""


def _load(content: bytes) -> EmailMessage:
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # Checked before the parser runs: it recurses once a level, reads content headers at once, and
    # takes a minute for a million parts.
    if content.count(b"\n--") > MAX_BOUNDARIES:
        raise RejectError(
            "too_many_parts", f"more than {MAX_BOUNDARIES} lines look like boundaries"
        )
    if len(_CONTAINER.findall(content)) > MAX_PARTS:
        raise RejectError("too_many_parts", f"more than {MAX_PARTS} containers in one message")
    if any(len(match[0]) > MAX_HEADER_CHARS for match in _CONTENT_HEADER.finditer(content)):
        raise RejectError("headers_too_large", f"a content header over {MAX_HEADER_CHARS} bytes")
    if len(content.partition(b"\n\n")[0]) > MAX_HEADER_BYTES:
        raise RejectError("headers_too_large", f"a header of over {MAX_HEADER_BYTES} bytes")
    try:
        return BytesParser(policy=policy.default).parsebytes(content)
    except RecursionError as error:
        raise RejectError("too_many_parts", "its parts are nested too deeply") from error


def _texts(message: EmailMessage) -> tuple[str, str, int]:
    """Collect the plain and the html text, and count what was left aside."""
    plain: list[str] = []
    html: list[str] = []
    ignored = 0
    for part in _leaves(message, 0):
        media_type = part.get_content_type()
        if media_type not in ("text/plain", "text/html") or _is_attachment(part):
            ignored += 1
            continue
        try:
            (html if media_type == "text/html" else plain).append(_decoded(part))
        except RejectError:  # one unreadable part does not cost the others
            ignored += 1
    return "\n\n".join(filter(None, plain)), "\n".join(filter(None, html)), ignored


def _leaves(message: Message, depth: int) -> Iterator[Message]:
    parts = message.get_payload()
    if not isinstance(parts, list):
        yield message
        return
    if depth >= MAX_DEPTH:
        raise RejectError("too_many_parts", f"parts nested deeper than {MAX_DEPTH} levels")
    if len(parts) > MAX_PARTS:
        raise RejectError("too_many_parts", f"more than {MAX_PARTS} parts in one message")
    for part in parts:
        if isinstance(part, Message):
            yield from _leaves(part, depth + 1)


def _is_attachment(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return decode(payload, part.get_content_charset("")).strip()


def _raw_header(message: EmailMessage, name: str) -> str:
    wanted = name.lower()
    return next((str(value) for key, value in message.raw_items() if key.lower() == wanted), "")


def _header(message: EmailMessage, name: str) -> str:
    """Read a header as one line; one that the library cannot read counts as absent."""
    if len(_raw_header(message, name)) > MAX_HEADER_CHARS:
        return ""
    try:
        return one_line(storable(str(message.get(name, ""))))
    except (ValueError, IndexError, TypeError, AttributeError, LookupError, RecursionError):
        return ""  # the standard library's header parser raises all of these on broken headers


def _date(message: EmailMessage) -> str:
    """Express the Date header in ISO 8601, without an offset when it names none."""
    written = one_line(storable(_raw_header(message, "Date")))[:MAX_DATE_CHARS]
    try:
        stamp = message["Date"].datetime if written else None
    except (ValueError, IndexError, TypeError, AttributeError, OverflowError):
        stamp = None
    if stamp and stamp.tzinfo is None and "-0000" in written:  # UTC, sent from who knows where
        stamp = stamp.replace(tzinfo=timezone.utc)
    return stamp.isoformat() if stamp else written

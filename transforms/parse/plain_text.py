"""Text files: taken whole, for only extraction can tell a headline from a first sentence."""

from schemas import Document, Entry
from transforms._shared.charset import decode
from transforms._shared.rejects import RejectError
from transforms.parse.found import Found, feed_address


def parse_plain_text(document: Document) -> Found:
    """Hand on a text as one entry without a title.

    Raises:
        RejectError: ``empty`` or ``undecodable``.
    """
    text = decode(document.content, document.charset)
    if not text.strip():
        raise RejectError("empty", "the text is empty")
    entry = Entry(
        key=document.key,
        input_kind=document.input_kind,
        url=feed_address(document),
        guid="",
        feed_url="",
        source_name="",
        source_url="",
        origin_publisher="",
        title="",
        summary="",
        content=text,
        content_type="text",
        authors=(),
        image_url="",
        language="",
        published="",
        published_source="",
        received_at=document.received_at,
    )
    return Found((entry,))

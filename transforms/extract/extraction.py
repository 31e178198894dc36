"""One entry's text, from the best of what it came with."""

from dataclasses import dataclass, replace

from schemas import Entry, Extraction, Identified
from schemas.ids import is_web_url
from transforms._shared.rejects import RejectError
from transforms.extract.fragment import fragment_text
from transforms.extract.page import MIN_BODY_CHARS, PageArticle, read_page
from transforms.extract.paragraphs import collapse, cut_title, drop_repeated_title, join_paragraphs
from transforms.extract.plain_text import read_story

_JSON_KINDS = ("json", "jsonl")
_FILE_KINDS = ("txt", "html", "json", "jsonl", "eml", "warc")
_LONE_PAGES = ("html", "warc")  # nobody but the page itself says what it is called
_WEAK_DATE_SOURCES = ("", "warc")  # a crawl's time says less than what the page itself declares


@dataclass(frozen=True)
class _Text:
    """One candidate for the article's text."""

    title: str
    body: str
    quoted: str
    method: str


def extract_article(identified: Identified) -> Extraction:
    """Free the text of one entry from its page, its markup and its site's clutter.

    The best source wins: the page, the feed's own content, its summary, the headline alone;
    ``method`` says which. A page that was fetched for a feed's entry wins only when it says more
    than the feed. A missing headline is cut from the beginning of the text.

    Raises:
        RejectError: ``no_text``, when neither a text nor a headline can be found.
    """
    entry = identified.entry
    page, is_wall = _page_of(identified)
    summary = fragment_text(entry.summary)
    text = _best_text(entry, page, summary)
    title = _title(entry, page, text)
    if not title:
        raise RejectError(
            "no_text",
            f"{entry.key}: neither a headline nor an article text was found in it; "
            "check that it holds an article and not only pictures, scripts or menus",
        )
    published, published_source = _declared_date(entry, page)
    return Extraction(
        identified=identified,
        title=title,
        description=collapse(summary) or (page.description if page else ""),
        body=_without_title(title, text.body),
        quoted=text.quoted,
        authors=entry.authors or (page.authors if page else ()),
        image_url=entry.image_url or (page.image_url if page else ""),
        site_name=page.site_name if page else "",
        canonical_link=page.canonical_link if page else "",
        language=(page.language if page else "") or entry.language,
        published=published,
        published_source=published_source,
        method=text.method,
        access_state="consent_wall" if is_wall else _access_state(identified, page, text),
    )


def parse_failed(error: Exception) -> RejectError:
    """Say that a library gave up on an entry's page or text."""
    return RejectError("parse_failed", f"{type(error).__name__}: {error}", replayable=True)


def without_page(identified: Identified) -> Identified | None:
    """Give an entry without the page that was fetched for it; None when it is a page itself."""
    if identified.page is None or _is_page(identified.entry):
        return None
    return replace(identified, page=replace(identified.page, html="", access_state="feed_only"))


def has_page(identified: Identified) -> bool:
    """Say whether a whole web page is to be read for the text of an entry."""
    fetched = identified.page
    return _is_page(identified.entry) or (fetched is not None and bool(fetched.html))


def _page_of(identified: Identified) -> tuple[PageArticle | None, bool]:
    """Read the entry's own page or the one that was fetched for it.

    Says also whether a fetched one is a consent wall, of which nothing is used.
    """
    entry, fetched = identified.entry, identified.page
    if _is_page(entry):
        return read_page(entry.content, entry.url, entry.received_at), False
    if fetched is None or not fetched.html:
        return None, False
    try:
        page = read_page(fetched.html, fetched.url, fetched.fetched_at)
    except Exception:  # a page that no library can read must not cost the feed's text
        return None, False
    is_wall = page is not None and page.access_state == "consent_wall"
    return (None if is_wall else page), is_wall


def _is_page(entry: Entry) -> bool:
    return entry.content_type == "page" and bool(entry.content.strip())


def _best_text(entry: Entry, page: PageArticle | None, summary: str) -> _Text:
    of_page = _Text(page.title, page.body, page.quoted, "trafilatura") if page else None
    if of_page is None or _is_page(entry):
        return _own_text(entry, of_page, summary)
    own = _own_text(entry, None, summary)
    # A scrap of a page is a notice sooner than a story; it has to do where the feed says nothing.
    enough = max(len(own.body), MIN_BODY_CHARS) if own.body else 1
    return of_page if len(of_page.body) >= enough else own


def _own_text(entry: Entry, of_page: _Text | None, summary: str) -> _Text:
    """Choose among what the entry itself came with."""
    own = _Text("", "", "", "title_only")
    if of_page is not None and of_page.body:
        own = of_page
    elif entry.content_type == "html":
        own = _Text("", fragment_text(entry.content), "", _own_method(entry))
    elif entry.content_type == "text" and entry.content.strip():
        story = read_story(entry.content, entry.title)
        own = _Text(story.title, story.body, story.quoted, _own_method(entry))
    # The summary stands in for a text that is missing, or for a scrap of a page or of a feed.
    if (
        len(own.body) < MIN_BODY_CHARS
        and len(summary) > len(own.body)
        and _has_markup_or_feed(entry)
    ):
        return _Text(own.title, summary, own.quoted, "feed_summary")
    if not own.body:
        return _Text(own.title, "", own.quoted, "title_only")
    return own


def _has_markup_or_feed(entry: Entry) -> bool:
    return entry.content_type in ("page", "html") or not entry.content.strip() or _is_feed(entry)


def _own_method(entry: Entry) -> str:
    if entry.input_kind in _JSON_KINDS:
        return "json_text"
    return "feed_content" if _is_feed(entry) else "plain_text"


def _is_feed(entry: Entry) -> bool:
    return entry.input_kind not in _FILE_KINDS


def _title(entry: Entry, page: PageArticle | None, text: _Text) -> str:
    """Prefer the headline the sender wrote; of a lone page, what the page calls itself."""
    page_title = page.title if page else ""
    given = collapse(entry.title)
    ranked = (page_title, given) if entry.input_kind in _LONE_PAGES else (given, page_title)
    first_line = text.body.split("\n", 1)[0]
    return next((title for title in (*ranked, text.title) if title), "") or cut_title(first_line)


def _without_title(title: str, body: str) -> str:
    """Drop the headline said again at the top, unless it is all there is."""
    rest = drop_repeated_title(title, body.split("\n\n"), loosely=False)
    return join_paragraphs(rest) or body


def _declared_date(entry: Entry, page: PageArticle | None) -> tuple[str, str]:
    weak = not entry.published.strip() or entry.published_source in _WEAK_DATE_SOURCES
    if page is not None and page.published and weak:
        return page.published, page.published_source
    return entry.published, entry.published_source if entry.published.strip() else ""


def _access_state(identified: Identified, page: PageArticle | None, text: _Text) -> str:
    entry, fetched = identified.entry, identified.page
    if fetched is not None and text.method != "trafilatura":
        if page is not None and page.access_state == "paywall":
            return "paywall"
        return "feed_only" if fetched.html else fetched.access_state
    if page is not None and (text.method == "trafilatura" or page.access_state != "unknown"):
        return page.access_state
    if _is_feed(entry) or (text.method == "feed_summary" and is_web_url(entry.url)):
        return "feed_only"
    return "unknown"

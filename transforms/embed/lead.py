"""What of an article is embedded."""

from hashlib import blake2b

from schemas import Article

CHARS_PER_TOKEN = 7  # more than any language needs, so that the tokeniser's limit decides
_SENTENCE_ENDS = (".", "!", "?", "…", ":", "。", "！", "？")


def lead_text(article: Article, max_chars: int = 900) -> str:
    """Join title and lead: the body, else the description, without the title again.

    At most ``max_chars`` characters plus the title, cut between words where there are any: whole
    bodies would only be tokenised to be thrown away.
    """
    title = article.title.strip()
    body = (article.body or article.description).strip()
    if title and body.startswith(title):
        body = body[len(title) :].lstrip(" \t\n.:-–—|")
    lead = _cut(" ".join(body[: 2 * max_chars].split()), max_chars)
    if not title or not lead:
        return title or lead
    return f"{title} {lead}" if title.endswith(_SENTENCE_ENDS) else f"{title}. {lead}"


def text_key(text: str) -> bytes:
    """Give what equal texts, and no others, have in common: 16 bytes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _cut(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    return text[:max_chars].rpartition(" ")[0] or text[:max_chars]

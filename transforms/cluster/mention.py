"""What an event keeps of each of its articles to be described by."""

from schemas import Article, ComparedArticle, Mention
from schemas.article import UNKNOWN_FAMILY
from transforms.cluster.sentences import lead_sentences

_PRECISE = ("second", "minute")


def mention_of(compared: ComparedArticle, role: str) -> Mention:
    """Reduce an article to what the row of its event depends on."""
    article = compared.embedded.article
    copy = role == "duplicate"
    return Mention(
        article_id=article.article_id,
        revision=article.revision,
        at=article.event_time,
        dated=article.time_known,
        published_at=article.published_at,
        # A time of arrival stands in for a missing date; on a first poll all arrive at once.
        precise=article.time_known
        and article.published_at_precision in _PRECISE
        and article.event_time == article.published_at,
        family=article.publisher_family or UNKNOWN_FAMILY,
        role=role,
        unique=compared.verdict.kind == "none" and role != "update",
        language=article.language,
        title="" if copy else article.title,
        sentences=() if copy else _sentences(article),
    )


def _sentences(article: Article) -> tuple[str, ...]:
    return lead_sentences(article.body or article.description, article.title)

"""What an event keeps of each of its articles to be described by."""

from typing import NamedTuple

from schemas import Article, ComparedArticle, Mention
from schemas.article import UNKNOWN_FAMILY
from transforms.cluster.sentences import lead_sentences
from transforms.cluster.usual_rates import NEW, Rate, is_timely


class Apart(NamedTuple):
    """How an article differs from those that came before."""

    novelty: float  # 1 less the cosine of the nearest article in another event
    own_text: bool  # it is not mostly made of word sequences of one article of its own event


NEW_TEXT = Apart(1.0, True)


def mention_of(
    compared: ComparedArticle, role: str, usual: Rate = NEW, apart: Apart = NEW_TEXT
) -> Mention:
    """Reduce an article to what the row of its event depends on."""
    article = compared.embedded.article
    copy = role == "duplicate"
    return Mention(
        article_id=article.article_id,
        revision=article.revision,
        at=article.event_time,
        dated=article.time_known,
        published_at=article.published_at,
        timely=is_timely(article) and not article.backfill,
        family=article.publisher_family or UNKNOWN_FAMILY,
        role=role,
        unique=compared.verdict.kind == "none" and role != "update" and apart.own_text,
        usual_rate=usual.per_hour,
        usual_rate_hours=usual.hours,
        novelty=apart.novelty,
        language=article.language,
        title="" if copy else article.title,
        sentences=() if copy else _sentences(article),
    )


def _sentences(article: Article) -> tuple[str, ...]:
    return lead_sentences(article.body or article.description, article.title)

"""The order in which a partition's articles are decided on in a bounded run."""

from datetime import datetime

from schemas import Article

ONE_PARTITION = "0"  # key of the only partition


def decision_order(article: Article) -> tuple[bool, datetime, str, int]:
    """Sort key: undated articles first, the rest by event time; ids break ties.

    An undated article may belong to any day, so it must be there before the window moves on;
    dated ones then join it or stay apart on their merits.
    """
    return (article.time_known, article.event_time, article.article_id, article.revision)

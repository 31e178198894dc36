"""What users ask of the tables, and the DuckDB query that answers it; ``schemas.docs`` prints them.

A query may use the views of ``deploy/sql`` and any table's files, by a glob relative to the output
folder. What a question is about stands in a variable at its top, which picks an example by itself:
so every query runs as printed, and is made one's own by changing one line.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One question, what to know of the answer, and the SQL that gives it."""

    title: str
    note: str
    sql: str


QUESTIONS = (
    Question(
        "What broke in the last hour?",
        "The last hour of the data, which ends at the newest instant that any event was counted "
        "at. For the hour by the clock put `now()` in place of the inner query.",
        """
SELECT breaking_since, title, breaking_state, publisher_family_count AS publishers, article_count,
    [reason.code FOR reason IN breaking_reasons IF reason.passed] AS why
FROM events_latest
WHERE status <> 'merged'
    AND breaking_since > (SELECT max(counts_as_of) FROM events_latest) - INTERVAL 1 HOUR
ORDER BY breaking_since DESC, event_id;
""",
    ),
    Question(
        "Which are all copies of this article?",
        "Ask with the original or with any of its copies; the original comes first. The example "
        "is the article with most copies.",
        """
SET VARIABLE article = (
    SELECT dup_of FROM articles_latest WHERE dup_of IS NOT NULL
    GROUP BY dup_of ORDER BY count(*) DESC, dup_of LIMIT 1);

WITH asked AS (
    SELECT coalesce(dup_of, article_id) AS original_id
    FROM articles_latest WHERE article_id = getvariable('article')
)
SELECT article_id, dup_kind, dup_score, publisher_family, event_time, title, url, dup_evidence
FROM articles_latest
WHERE article_id IN (SELECT original_id FROM asked) OR dup_of IN (SELECT original_id FROM asked)
ORDER BY dup_of NULLS FIRST, event_time, article_id;
""",
    ),
    Question(
        "Which events did this publisher report?",
        "`minutes_behind` is from the first dated article of the event to the publisher's own. The "
        "example is the publisher with most events.",
        """
SET VARIABLE publisher = (
    SELECT publisher_family FROM articles_latest
    GROUP BY publisher_family
    ORDER BY count(DISTINCT event_id) DESC, publisher_family LIMIT 1);

SELECT event_id, event.title, event.breaking_state, count(*) AS articles,
    count(*) FILTER (article.dup_kind <> 'none') AS copies,
    date_diff('minute', event.first_seen_at, min(article.event_time) FILTER (article.time_known))
        AS minutes_behind
FROM articles_latest AS article JOIN events_latest AS event USING (event_id)
WHERE article.publisher_family = getvariable('publisher')
GROUP BY event_id, event.title, event.breaking_state, event.first_seen_at
ORDER BY articles DESC, event_id;
""",
    ),
    Question(
        "What is the timeline of this event?",
        "Its articles, what was said of them later, and what became of the event, with all that "
        "happened to the events merged into it. An article without `time_known` stands at the "
        "time of its file. The example is the event with most articles.",
        """
SET VARIABLE event = (
    SELECT event_id FROM events_latest WHERE status <> 'merged'
    ORDER BY article_count DESC, event_id LIMIT 1);

SELECT event_time AS moment, time_known, 'article' AS what, title AS said,
    publisher_family AS by_whom
FROM articles_latest WHERE event_id = getvariable('event')
UNION ALL
SELECT noticed_at, true, kind, title, publisher_family
FROM article_notices_latest WHERE event_id = getvariable('event')
UNION ALL
SELECT change.time, true, replace(change.type, 'org.newsevents.event.', 'event '), change.data, NULL
FROM read_parquet('event_changes/*/*.parquet') AS change
JOIN event_survivors ON event_survivors.event_id = change.subject
WHERE survivor_id = getvariable('event')
ORDER BY moment, what, said;
""",
    ),
    Question(
        "Which articles are nearest to this one?",
        "By the cosine of their embeddings, which compare only within one `embedding_model`. "
        "DuckDB reads the fixed-size list as a list of `FLOAT`; for `array_cosine_distance` cast "
        "both sides to an array of the model's length, such as `embedding::FLOAT[384]`. The "
        "example is the newest dated article.",
        """
SET VARIABLE article = (
    SELECT article_id FROM articles_latest WHERE time_known
    ORDER BY event_time DESC, article_id LIMIT 1);

SELECT other.article_id, list_cosine_similarity(asked.embedding, other.embedding) AS cosine,
    other.event_id = asked.event_id AS same_event, other.title, other.publisher_family
FROM articles_latest AS asked JOIN articles_latest AS other USING (embedding_model)
WHERE asked.article_id = getvariable('article') AND other.article_id <> asked.article_id
ORDER BY cosine DESC, other.article_id
LIMIT 10;
""",
    ),
    Question(
        "What was corrected or taken back?",
        "One row per article and kind of notice, newest first.",
        """
SELECT noticed_at, kind, title, url, publisher_family, event_id, evidence
FROM article_notices_latest
ORDER BY noticed_at DESC, article_id, kind;
""",
    ),
    Question(
        "What could not be read, and why?",
        "Dead letters by reason, with the newest of each as an example; `replayable` counts those "
        "that may succeed when tried again.",
        """
SELECT stage, reason, count(*) AS letters, count(*) FILTER (replayable) AS replayable,
    max(first_failed_at) AS last_failed_at, arg_max(key, (first_failed_at, key)) AS example,
    arg_max(error, (first_failed_at, key)) AS error
FROM read_parquet('dead_letters/*/*.parquet')
GROUP BY ALL
ORDER BY letters DESC, stage, reason;
""",
    ),
)

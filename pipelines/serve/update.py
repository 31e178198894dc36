"""SQL that keeps an index of the present state, brought up to date by the rows that are new.

The views of ``deploy/sql/duckdb_latest.sql`` say what is so now, here as everywhere else: they are
asked about nothing but the rows that a batch touches.
"""

from typing import Any

from pipelines.report.tables import latest_views
from pipelines.serve.rows import COLUMNS, Batch

MOST_TIMES = 4000  # of one event's articles are kept for drawing; beyond it an even sample

# ``own_event_id`` is what the row says, ``event_id`` where the article is now.
_SCHEMA = """
CREATE TABLE article AS SELECT *, event_id AS own_event_id, NULL::VARCHAR AS role,
    NULL::FLOAT AS score, NULL::VARCHAR AS evidence, NULL::VARCHAR AS search
FROM new_articles LIMIT 0;
CREATE TABLE membership AS FROM new_event_articles LIMIT 0;
CREATE TABLE event AS SELECT *, NULL::VARCHAR AS survivor_id, NULL::BOOLEAN AS own,
    NULL::VARCHAR AS state,
    NULL::BIGINT AS articles_found, NULL::VARCHAR[] AS families, NULL::INTEGER[] AS minutes,
    NULL::VARCHAR AS search
FROM new_events LIMIT 0;
CREATE TABLE notice AS FROM new_article_notices LIMIT 0;
CREATE TABLE change AS FROM new_event_changes LIMIT 0;
CREATE TABLE dead_letter AS FROM new_dead_letters LIMIT 0;
CREATE TABLE feed AS SELECT *, 0::BIGINT AS requests, 0::BIGINT AS failed, 0::BIGINT AS kept_total,
    NULL::TIMESTAMPTZ AS changed_at
FROM new_fetch_log LIMIT 0;
CREATE TABLE state (digest VARCHAR, round BIGINT);
"""

# Made last, when all rows of a new index are in: for what pages ask of one event.
INDEXES = """
CREATE INDEX event_by_id ON event (event_id);
CREATE INDEX article_by_event ON article (event_id);
CREATE INDEX notice_by_article ON notice (article_id);
CREATE INDEX change_by_event ON change (subject);
"""

# What the batch touches, new and known rows together: enough for the views to decide on it.
_STAGE = """
CREATE OR REPLACE TEMP TABLE touched AS
SELECT article_id FROM new_articles UNION SELECT article_id FROM new_event_articles;
CREATE OR REPLACE TEMP TABLE candidate AS
SELECT event_id FROM new_events UNION SELECT merged_into FROM new_events
UNION SELECT event_id FROM new_articles UNION SELECT event_id FROM new_event_articles
UNION SELECT event_id FROM article SEMI JOIN temp.touched USING (article_id)
UNION SELECT event_id FROM membership SEMI JOIN temp.touched USING (article_id);
CREATE OR REPLACE TEMP TABLE articles AS
SELECT *, event_id AS own_event_id FROM new_articles
UNION ALL BY NAME
SELECT * EXCLUDE (role, score, evidence, search) REPLACE (own_event_id AS event_id)
FROM article SEMI JOIN temp.touched USING (article_id);
CREATE OR REPLACE TEMP TABLE event_articles AS
SELECT * FROM new_event_articles
UNION ALL BY NAME
SELECT * FROM membership SEMI JOIN temp.touched USING (article_id);
CREATE OR REPLACE TEMP TABLE events AS
SELECT * FROM new_events
UNION ALL BY NAME
SELECT * EXCLUDE (survivor_id, own, state, articles_found, families, minutes, search) FROM event
WHERE event_id IN (SELECT event_id FROM temp.candidate) OR status = 'merged'
    OR event_id IN (SELECT merged_into FROM event WHERE status = 'merged');
"""

_DECIDE = """
CREATE OR REPLACE TEMP TABLE survivor AS FROM temp.event_survivors;
CREATE OR REPLACE TEMP TABLE moved AS
SELECT new.event_id, new.survivor_id, old.survivor_id AS old_survivor_id
FROM temp.survivor AS new JOIN event AS old USING (event_id)
WHERE new.survivor_id <> old.survivor_id;
CREATE OR REPLACE TEMP TABLE placed AS
SELECT article.*, member.role, member.score, member.evidence,
    strip_accents(lower(title)) AS search
FROM temp.articles_latest AS article
LEFT JOIN (SELECT * FROM temp.event_articles_latest WHERE left_at IS NULL) AS member
    USING (article_id);
CREATE OR REPLACE TEMP TABLE remembered AS
SELECT * FROM temp.event_articles SEMI JOIN new_event_articles USING (article_id)
QUALIFY sequence IS NOT DISTINCT FROM max(sequence) OVER (PARTITION BY article_id);
CREATE OR REPLACE TEMP TABLE changed AS
SELECT event_id FROM temp.candidate
UNION SELECT event_id FROM temp.placed
UNION SELECT event_id FROM temp.moved UNION SELECT survivor_id FROM temp.moved
UNION SELECT survivor_id FROM temp.survivor SEMI JOIN temp.candidate USING (event_id);
"""

_ARTICLES = """
DELETE FROM article WHERE article_id IN (SELECT article_id FROM temp.placed);
INSERT INTO article BY NAME SELECT * FROM temp.placed ORDER BY event_time;
DELETE FROM membership WHERE article_id IN (SELECT article_id FROM temp.remembered);
INSERT INTO membership BY NAME SELECT * FROM temp.remembered;
"""

# Articles of an event that was merged since they came.
_MOVE = """
UPDATE article SET event_id = moved.survivor_id FROM temp.moved
WHERE article.event_id = moved.event_id;
"""

_EVENTS = """
CREATE OR REPLACE TEMP TABLE renewed AS
SELECT latest.*, survivor.survivor_id, survivor.survivor_id = event_id AS own,
    CASE WHEN coalesce(breaking_state, 'none') <> 'none' THEN breaking_state
        WHEN breaking_since IS NOT NULL THEN 'over' ELSE 'none' END AS state,
    coalesce(found.articles, 0) AS articles_found, coalesce(found.families, []) AS families,
    CASE WHEN len(found.minutes) > MOST_TIMES
        THEN found.minutes[1:-1:CAST(ceil(len(found.minutes) / MOST_TIMES.0) AS BIGINT)]
        ELSE coalesce(found.minutes, []) END AS minutes,
    strip_accents(lower(concat_ws(' ', latest.title,
        array_to_string(list_transform(keywords, lambda one: one.term), ' '),
        array_to_string(list_transform(entities, lambda one: one.text), ' ')))) AS search
FROM temp.events_latest AS latest
SEMI JOIN temp.changed USING (event_id)
JOIN temp.survivor AS survivor USING (event_id)
LEFT JOIN (
    SELECT event_id, count(*) AS articles,
        list_sort(list(DISTINCT publisher_family)
            FILTER (WHERE publisher_family <> 'unknown')) AS families,
        list_sort(list(CAST(epoch_us(event_time) // 60000000 AS INTEGER)) FILTER (
            WHERE abs(epoch_us(event_time)) < 120000000000000000)) AS minutes
    FROM article SEMI JOIN temp.changed USING (event_id) GROUP BY event_id
) AS found USING (event_id);
DELETE FROM event WHERE event_id IN (SELECT event_id FROM temp.renewed);
INSERT INTO event BY NAME SELECT * FROM temp.renewed ORDER BY last_seen_at;
""".replace("MOST_TIMES", str(MOST_TIMES))

_LOGS = """
INSERT INTO notice BY NAME
SELECT * FROM new_article_notices ANTI JOIN notice USING (article_id, kind)
QUALIFY row_number() OVER (PARTITION BY article_id, kind ORDER BY noticed_at, evidence) = 1;
INSERT INTO change BY NAME SELECT * FROM new_event_changes;
INSERT INTO dead_letter BY NAME SELECT * FROM new_dead_letters;
CREATE OR REPLACE TEMP TABLE asked AS
SELECT *, 1::BIGINT AS requests, (failures > 0)::BIGINT AS failed, kept::BIGINT AS kept_total,
    CASE WHEN kept > 0 THEN fetched_at END AS changed_at
FROM new_fetch_log
UNION ALL BY NAME SELECT * FROM feed SEMI JOIN new_fetch_log USING (feed_id);
DELETE FROM feed WHERE feed_id IN (SELECT feed_id FROM new_fetch_log);
INSERT INTO feed BY NAME
SELECT * REPLACE (sum(requests) OVER one AS requests, sum(failed) OVER one AS failed,
    sum(kept_total) OVER one AS kept_total, max(changed_at) OVER one AS changed_at)
FROM temp.asked
WINDOW one AS (PARTITION BY feed_id)
QUALIFY row_number() OVER (PARTITION BY feed_id ORDER BY fetched_at DESC NULLS LAST, requests) = 1;
"""

_CLEAR = """
DROP TABLE temp.placed; DROP TABLE temp.renewed; DROP TABLE temp.remembered;
DELETE FROM temp.articles; DELETE FROM temp.event_articles; DELETE FROM temp.events;
"""


class UnmergedError(Exception):
    """An event stands for itself again that was merged before: begin anew with all files."""


def create_tables(connection: Any, empty: Batch) -> None:
    """Make the tables of an empty index."""
    _register(connection, empty)
    connection.execute(_SCHEMA)
    for name in ("articles", "events", "event_articles"):
        own = ", event_id AS own_event_id" if name == "articles" else ""
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT *{own} FROM new_{name} LIMIT 0")  # noqa: S608
    connection.execute(latest_views().replace("REPLACE VIEW", "REPLACE TEMP VIEW"))


def take_in(connection: Any, batch: Batch) -> None:
    """Bring the index up to date with some new rows; the caller begins and commits.

    Rows that are there already change nothing in articles and events.

    Raises:
        UnmergedError: the index cannot be brought up to date by new rows alone.
    """
    if not any(table.num_rows for table in batch.tables.values()):
        return
    _register(connection, batch)
    connection.execute(_STAGE)
    connection.execute(_DECIDE)
    if connection.execute(_UNMERGED).fetchone()[0]:
        raise UnmergedError
    connection.execute(_ARTICLES)
    if connection.execute("SELECT count(*) FROM temp.moved").fetchone()[0]:
        connection.execute(_MOVE)
    connection.execute(_EVENTS)
    connection.execute(_LOGS)
    connection.execute(_CLEAR)


# Where its articles went by the old merge is not where the new one leads.
_UNMERGED = """
SELECT count(*) FROM temp.moved LEFT JOIN temp.survivor AS beyond
    ON beyond.event_id = moved.old_survivor_id
WHERE moved.old_survivor_id <> moved.event_id
    AND moved.survivor_id IS DISTINCT FROM beyond.survivor_id
"""


def _register(connection: Any, batch: Batch) -> None:
    for name in COLUMNS:
        connection.register(f"new_{name}", batch.tables[name])

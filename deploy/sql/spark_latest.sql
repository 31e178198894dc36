-- What is so now, for Spark 4.1 or later: the tables keep every revision, and every event an article
-- was in. Needs the views articles, events and event_articles:
--   for table in ("articles", "events", "event_articles"):
--       spark.read.option("mergeSchema", "true").parquet(f"{output}/{table}") \
--           .createOrReplaceTempView(table)
-- and then each statement of this file with spark.sql. The same views as duckdb_latest.sql gives.

-- One row per event: its last revision.
CREATE OR REPLACE TEMPORARY VIEW events_latest AS
SELECT * EXCEPT (place) FROM (
    SELECT *, row_number() OVER (
            PARTITION BY event_id ORDER BY revision DESC NULLS LAST, title NULLS LAST) AS place
    FROM events WHERE event_id IS NOT NULL)
WHERE place = 1;

-- One row per event: the event it is part of now. It leads from merge to merge to the last event
-- that has a row; an event that was not merged survives itself, and a circle merges nothing. Spark
-- follows 100 merges unless spark.sql.cteRecursionLevelLimit says otherwise.
CREATE OR REPLACE TEMPORARY VIEW event_survivors AS
WITH RECURSIVE merge AS (
    SELECT event.event_id, event.merged_into
    FROM events_latest AS event LEFT SEMI JOIN events_latest AS there
        ON event.merged_into = there.event_id
    WHERE event.status = 'merged'
), reached (event_id, survivor_id, passed) AS (
    SELECT event_id, merged_into, array(event_id, merged_into) FROM merge
    UNION ALL
    SELECT reached.event_id, merge.merged_into, array_append(reached.passed, merge.merged_into)
    FROM reached JOIN merge ON merge.event_id = reached.survivor_id
    WHERE NOT array_contains(reached.passed, merge.merged_into)
)
SELECT event.event_id, coalesce(last.survivor_id, event.event_id) AS survivor_id
FROM events_latest AS event LEFT JOIN (
    SELECT reached.event_id, reached.survivor_id
    FROM reached LEFT ANTI JOIN merge ON merge.event_id = reached.survivor_id
) AS last ON last.event_id = event.event_id;

-- One row per article: where it is now. The last decision about it counts; one decision can put it
-- into an event and take it out again, so an event it left by the same one does not.
CREATE OR REPLACE TEMPORARY VIEW event_articles_latest AS
SELECT * EXCEPT (has_left, told, told_event, place) FROM (
    SELECT *, row_number() OVER (
            PARTITION BY article_id
            ORDER BY sequence DESC NULLS LAST, has_left, left_at IS NOT NULL,
                revision DESC NULLS LAST, left_at DESC NULLS LAST, told DESC, event_id) AS place
    FROM (
        SELECT *, told_event IS NOT NULL AS told, bool_or(left_at IS NOT NULL) OVER (
                PARTITION BY article_id, revision, event_id, sequence) AS has_left
        FROM (
            SELECT place.*, article.event_id AS told_event
            FROM event_articles AS place LEFT JOIN (
                SELECT DISTINCT article_id, event_id FROM articles
            ) AS article ON article.article_id = place.article_id
                AND article.event_id = place.event_id
            WHERE place.article_id IS NOT NULL
        )))
WHERE place = 1;

-- One row per article: its last revision, with the event it is in now, merges followed.
CREATE OR REPLACE TEMPORARY VIEW articles_latest AS
SELECT article.* EXCEPT (event_id, place),
    coalesce(survivor.survivor_id, place.event_id, article.event_id) AS event_id
FROM (
    SELECT *, row_number() OVER (
            PARTITION BY article_id
            ORDER BY revision DESC NULLS LAST, event_id NULLS LAST, title NULLS LAST) AS place
    FROM articles WHERE article_id IS NOT NULL
) AS article
LEFT JOIN (
    SELECT article_id, event_id FROM event_articles_latest WHERE left_at IS NULL
) AS place ON place.article_id = article.article_id
LEFT JOIN event_survivors AS survivor
    ON survivor.event_id = coalesce(place.event_id, article.event_id)
WHERE article.place = 1;

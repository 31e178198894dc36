-- What is so now, for DuckDB: the tables keep every revision, and every event an article was in.
-- Globs are relative to the output folder:
--   SET file_search_path = 'out/demo';
-- and then run this file. Rows that stand twice, as in a copy made while files were merged, count
-- once. Only what stands above "The views" is about files; the rest needs the relations articles,
-- events and event_articles.

-- The tables. Files of an older version may lack columns: union_by_name fills in nulls, and the
-- columns below the rows are there even when no file has them.
CREATE OR REPLACE VIEW articles AS
SELECT * FROM read_parquet('articles/*/*.parquet', hive_partitioning = true, union_by_name = true)
UNION ALL BY NAME
SELECT NULL::BOOLEAN AS time_known, NULL::BIGINT AS sequence WHERE false;

CREATE OR REPLACE VIEW events AS
SELECT * FROM read_parquet('events/*/*.parquet', hive_partitioning = true, union_by_name = true)
UNION ALL BY NAME
SELECT NULL::FLOAT AS novelty, NULL::INTEGER AS correction_count, NULL::INTEGER AS retraction_count
WHERE false;

CREATE OR REPLACE VIEW event_articles AS
SELECT * FROM read_parquet(
    'event_articles/*/*.parquet', hive_partitioning = true, union_by_name = true)
UNION ALL BY NAME
SELECT NULL::TIMESTAMPTZ AS left_at, NULL::BOOLEAN AS contested, NULL::FLOAT AS threshold,
    NULL::VARCHAR AS best_event_id, NULL::FLOAT AS best_score,
    NULL::VARCHAR AS second_event_id, NULL::FLOAT AS second_score,
    NULL::BOOLEAN AS votes, NULL::BIGINT AS sequence,
    NULL::STRUCT(name VARCHAR, best FLOAT, "second" FLOAT)[] AS channels
WHERE false;

-- The views.

-- One row per event: its last revision.
CREATE OR REPLACE VIEW events_latest AS
SELECT * FROM events WHERE event_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY revision DESC NULLS LAST, title) = 1;

-- One row per event: the event it is part of now. It leads from merge to merge to the last event
-- that has a row; an event that was not merged survives itself, and a circle merges nothing.
CREATE OR REPLACE VIEW event_survivors AS
WITH RECURSIVE latest AS MATERIALIZED (
    SELECT event_id, status, merged_into FROM events_latest
), merge AS MATERIALIZED (
    SELECT event_id, merged_into FROM latest
    WHERE status = 'merged' AND merged_into IN (SELECT event_id FROM latest)
), reached AS (
    SELECT event_id, merged_into AS survivor_id FROM merge
    UNION  -- what was reached before is not followed again
    SELECT reached.event_id, merge.merged_into
    FROM reached JOIN merge ON merge.event_id = reached.survivor_id
)
SELECT latest.event_id, coalesce(last.survivor_id, latest.event_id) AS survivor_id
FROM latest LEFT JOIN (
    SELECT * FROM reached WHERE survivor_id NOT IN (SELECT event_id FROM merge)
) AS last ON last.event_id = latest.event_id;

-- One row per article: where it is now. The last decision about it counts; one decision can put it
-- into an event and take it out again, so an event it left by the same one does not. Where files of
-- an older version do not say, the row of the article does.
CREATE OR REPLACE VIEW event_articles_latest AS
SELECT * EXCLUDE (has_left, told) FROM (
    SELECT *, bool_or(left_at IS NOT NULL) OVER (
            PARTITION BY article_id, revision, event_id, sequence) AS has_left,
        (article_id, event_id) IN (SELECT (article_id, event_id) FROM articles) AS told
    FROM event_articles WHERE article_id IS NOT NULL)
QUALIFY row_number() OVER (
    PARTITION BY article_id
    ORDER BY sequence DESC NULLS LAST, has_left, left_at IS NOT NULL, revision DESC NULLS LAST,
        left_at DESC, told DESC NULLS LAST, event_id) = 1;

-- One row per article: its last revision, with the event it is in now, merges followed.
CREATE OR REPLACE VIEW articles_latest AS
SELECT article.* REPLACE (
    coalesce(survivor.survivor_id, place.event_id, article.event_id) AS event_id)
FROM (
    SELECT * FROM articles WHERE article_id IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY article_id ORDER BY revision DESC NULLS LAST, event_id, title) = 1
) AS article
LEFT JOIN (
    SELECT article_id, event_id FROM event_articles_latest WHERE left_at IS NULL
) AS place ON place.article_id = article.article_id
LEFT JOIN event_survivors AS survivor
    ON survivor.event_id = coalesce(place.event_id, article.event_id);

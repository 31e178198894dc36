-- What is so now, as views of the dataset. A row counts once its round is in the table runs, and of
-- rows that stand twice, as after a request that was sent again, one counts.

CREATE OR REPLACE VIEW `DATASET.events_latest` AS
SELECT * FROM `DATASET.events`
WHERE round IN (SELECT round FROM `DATASET.runs`)
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY revision DESC, round DESC, title) = 1;

-- One row per event: the event it is part of now. It leads from merge to merge to the last event
-- that has a row. An event that was not merged survives itself, and a circle merges nothing.
CREATE OR REPLACE VIEW `DATASET.event_survivors` AS
WITH RECURSIVE latest AS (
    SELECT event_id, status, merged_into FROM `DATASET.events_latest`
), merge_step AS (
    SELECT event_id, merged_into FROM latest
    WHERE status = 'merged' AND merged_into IN (SELECT event_id FROM latest)
), reached AS (
    SELECT event_id, merged_into AS survivor_id, 1 AS steps FROM merge_step
    UNION ALL
    SELECT reached.event_id, merge_step.merged_into, reached.steps + 1
    FROM reached JOIN merge_step ON merge_step.event_id = reached.survivor_id
    WHERE reached.steps < 450
)
SELECT latest.event_id, COALESCE(ends.survivor_id, latest.event_id) AS survivor_id
FROM latest LEFT JOIN (
    SELECT event_id, MIN(survivor_id) AS survivor_id FROM reached
    WHERE survivor_id NOT IN (SELECT event_id FROM merge_step)
    GROUP BY event_id
) AS ends ON ends.event_id = latest.event_id;

-- One row per article: where it is now. The last decision about it counts; one decision can put it
-- into an event and take it out again, so an event it left by the same one does not.
CREATE OR REPLACE VIEW `DATASET.event_articles_latest` AS
SELECT * EXCEPT (has_left) FROM (
    SELECT *, LOGICAL_OR(left_at IS NOT NULL) OVER (
        PARTITION BY article_id, revision, event_id, sequence) AS has_left
    FROM `DATASET.event_articles`
    WHERE round IN (SELECT round FROM `DATASET.runs`)
)
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY article_id
    ORDER BY sequence DESC, has_left, left_at IS NOT NULL, revision DESC, left_at DESC, event_id
) = 1;

-- One row per article: its last revision, with the event it is in now, merges followed.
CREATE OR REPLACE VIEW `DATASET.articles_latest` AS
SELECT article.* REPLACE (
    COALESCE(survivor.survivor_id, place.event_id, article.event_id) AS event_id)
FROM (
    SELECT * FROM `DATASET.articles`
    WHERE round IN (SELECT round FROM `DATASET.runs`)
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY article_id ORDER BY revision DESC, round DESC, event_id) = 1
) AS article
LEFT JOIN (
    SELECT article_id, event_id FROM `DATASET.event_articles_latest` WHERE left_at IS NULL
) AS place ON place.article_id = article.article_id
LEFT JOIN `DATASET.event_survivors` AS survivor
    ON survivor.event_id = COALESCE(place.event_id, article.event_id);

-- One row per article and kind of notice: what was said first.
CREATE OR REPLACE VIEW `DATASET.article_notices_latest` AS
SELECT notice.*, article.title, article.url, article.publisher_family, article.event_id
FROM (
    SELECT * FROM `DATASET.article_notices`
    WHERE round IN (SELECT round FROM `DATASET.runs`)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY article_id, kind ORDER BY noticed_at, evidence) = 1
) AS notice
LEFT JOIN `DATASET.articles_latest` AS article ON article.article_id = notice.article_id;

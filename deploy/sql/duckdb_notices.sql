-- Articles that were corrected or taken back, with where they are now, for DuckDB: run
-- duckdb_latest.sql first. Outputs of schema version 3 and later have this table.

CREATE OR REPLACE VIEW article_notices AS
SELECT * FROM read_parquet(
    'article_notices/*/*.parquet', hive_partitioning = true, union_by_name = true);

-- One row per article and kind: what was said first.
CREATE OR REPLACE VIEW article_notices_latest AS
SELECT notice.*, article.title, article.url, article.publisher_family, article.event_id
FROM (
    SELECT * FROM article_notices WHERE article_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY article_id, kind ORDER BY noticed_at, evidence) = 1
) AS notice
LEFT JOIN articles_latest AS article ON article.article_id = notice.article_id;

-- The newest revision of each row, for DuckDB. Globs are relative to the output folder:
--   SET file_search_path = 'out/demo';
-- and then run this file. Files of an older version may lack columns: union_by_name fills in nulls.
CREATE OR REPLACE VIEW articles_latest AS
SELECT * FROM read_parquet('articles/*/*.parquet', hive_partitioning = true, union_by_name = true)
QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY revision DESC) = 1;

CREATE OR REPLACE VIEW events_latest AS
SELECT * FROM read_parquet('events/*/*.parquet', hive_partitioning = true, union_by_name = true)
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY revision DESC) = 1;

-- The columns below the rows are those that an older version did not write; the event an article
-- is in now comes before those it left.
CREATE OR REPLACE VIEW event_articles_latest AS
SELECT * FROM (
    SELECT * FROM read_parquet(
        'event_articles/*/*.parquet', hive_partitioning = true, union_by_name = true)
    UNION ALL BY NAME
    SELECT NULL::TIMESTAMPTZ AS left_at, NULL::BOOLEAN AS contested, NULL::FLOAT AS threshold,
        NULL::VARCHAR AS best_event_id, NULL::FLOAT AS best_score,
        NULL::VARCHAR AS second_event_id, NULL::FLOAT AS second_score,
        NULL::STRUCT(name VARCHAR, best FLOAT, "second" FLOAT)[] AS channels
    WHERE false)
QUALIFY row_number() OVER (
    PARTITION BY article_id ORDER BY revision DESC, left_at DESC NULLS FIRST) = 1;

-- The newest revision of each row, for DuckDB. Globs are relative to the output folder:
--   SET file_search_path = 'out/demo';
-- and then run this file.
CREATE OR REPLACE VIEW articles_latest AS
SELECT * FROM read_parquet('articles/*/*.parquet', hive_partitioning = true)
QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY revision DESC) = 1;

CREATE OR REPLACE VIEW events_latest AS
SELECT * FROM read_parquet('events/*/*.parquet', hive_partitioning = true)
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY revision DESC) = 1;

CREATE OR REPLACE VIEW event_articles_latest AS
SELECT * FROM read_parquet('event_articles/*/*.parquet', hive_partitioning = true)
QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY revision DESC) = 1;

"""Read an output with Spark and print what it sees as JSON; run in an environment that has it.

python spark_reader.py OUTPUT VIEWS.sql TABLE...
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

COSINE = """
WITH vector AS (
    SELECT article_id, embedding, sqrt(aggregate(
        transform(embedding, x -> double(x) * x), 0D, (sum, x) -> sum + x)) AS length
    FROM articles_latest
)
SELECT other.article_id, aggregate(
        zip_with(asked.embedding, other.embedding, (x, y) -> double(x) * y), 0D, (sum, x) -> sum + x
    ) / (asked.length * other.length) AS cosine
FROM vector AS asked JOIN vector AS other ON other.article_id <> asked.article_id
WHERE asked.article_id = (SELECT min(article_id) FROM articles_latest)
ORDER BY cosine DESC, other.article_id
"""


def plain(value):
    """Say a value in JSON as the test says it."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else value


def rows(frame):
    """All rows of a frame; times as microseconds since 1970, which have no zone to get wrong."""
    times = {name for name, kind in frame.dtypes if kind == "timestamp"}
    said = [f"unix_micros({name}) AS {name}" if name in times else name for name in frame.columns]
    return [plain(row.asDict(recursive=True)) for row in frame.selectExpr(*said).collect()]


def main(output, views, tables):
    """Print types, rows and what the views say."""
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "Asia/Tokyo")  # instants must not depend on it
        .config("spark.sql.warehouse.dir", str(Path.cwd() / "warehouse"))
        .getOrCreate()
    )
    said = {"types": {}, "rows": {}, "views": {}}
    for table in tables:
        frame = spark.read.option("mergeSchema", "true").parquet(f"{output}/{table}")
        frame.createOrReplaceTempView(table)
        said["types"][table] = dict(frame.dtypes)
        said["rows"][table] = rows(frame)
    for statement in Path(views).read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            spark.sql(statement)
    for view in ("events_latest", "event_survivors", "event_articles_latest", "articles_latest"):
        said["views"][view] = rows(spark.table(view))
    said["cosines"] = [list(row) for row in spark.sql(COSINE).collect()]
    day = spark.sql("SELECT count(*) FROM articles WHERE date = (SELECT min(date) FROM articles)")
    said["day"] = day.collect()[0][0]
    plan = spark.sql("SELECT title FROM articles WHERE date = DATE'1999-01-01'")
    said["plan"] = plan._jdf.queryExecution().executedPlan().toString()
    print(json.dumps(said))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

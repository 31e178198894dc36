"""The Parquet files of a folder can be loaded into BigQuery as they are."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery as google_bigquery
from google.cloud.bigquery import LoadJobConfig, ParquetOptions, SchemaField

from schemas import SCHEMA_VERSION
from schemas.tables import TABLES
from tests.emulators.marks import BIGQUERY
from tests.emulators.servers import BUCKET
from transforms.write.bigquery.append import Appender
from transforms.write.bigquery.methods import STREAMING_INSERTS
from transforms.write.bigquery.store import add_run
from transforms.write.bigquery.tables import prepare

pytestmark = BIGQUERY
GOLDEN = Path(__file__).parent / "golden" / f"v{SCHEMA_VERSION}"


def schema(table):
    return [SchemaField.from_api_repr(field) for field in table.bigquery_schema()]


def load_config(table):
    config = LoadJobConfig(
        schema=schema(table), source_format="PARQUET", write_disposition="WRITE_APPEND"
    )
    config.parquet_options = ParquetOptions()
    config.parquet_options.enable_list_inference = True
    return config


def files(table):
    return sorted((GOLDEN / table.name).rglob("*.parquet"))


def in_order(table, rows):
    return sorted(rows, key=lambda row: [str(row[name]) for name in table.key])


def written(table):
    """The rows of the files, without the date of the folder they lie in."""
    rows = [row for path in files(table) for row in pq.ParquetFile(path).read().to_pylist()]
    assert rows
    return in_order(table, rows)


def from_disk(bigquery, table, name):
    for path in files(table):
        with path.open("rb") as file:
            job = bigquery.client.load_table_from_file(file, name, job_config=load_config(table))
        job.result()


def from_bucket(bigquery, table, name):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client(bigquery.dataset.project, AnonymousCredentials())
    for path in files(table):
        place = f"{bigquery.dataset.name}/{path.relative_to(GOLDEN).as_posix()}"
        client.bucket(BUCKET).blob(place).upload_from_filename(str(path))
        job = bigquery.client.load_table_from_uri(
            f"gs://{BUCKET}/{place}", name, job_config=load_config(table)
        )
        job.result()
    client.close()


@pytest.mark.parametrize("load", [from_disk, from_bucket])
def test_files_loaded_into_a_table_of_our_schema_give_the_same_rows(bigquery, load):
    for table in TABLES:
        name = bigquery.dataset.table(table.name)
        bigquery.client.create_table(google_bigquery.Table(name, schema=schema(table)))
        load(bigquery, table, name)
        found = in_order(table, bigquery.rows(f"SELECT * FROM `{{d}}.{table.name}`"))
        assert found == written(table), table.name


def test_files_loaded_into_a_dataset_of_ours_are_seen_by_its_views(bigquery):
    prepare(bigquery.dataset)
    for table in TABLES:
        from_disk(bigquery, table, bigquery.dataset.table(table.name))
    add_run(Appender(bigquery.dataset, STREAMING_INSERTS), 0, {})
    for table, key in (("articles", "article_id"), ("events", "event_id")):
        found = bigquery.rows(f"SELECT {key} FROM `{{d}}.{table}_latest`")
        (told,) = (one for one in TABLES if one.name == table)
        assert {row[key] for row in found} == {row[key] for row in written(told)}

"""Tables are made as schemas/tables.py says, and older ones are brought up to date."""

import pickle

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError, RefreshError
from google.cloud import bigquery as google_bigquery
from google.cloud.bigquery import SchemaField

from schemas.tables import ARTICLES, EVENTS
from tests.emulators.faults import ALWAYS
from tests.emulators.marks import BIGQUERY
from transforms.write.bigquery import client
from transforms.write.bigquery.dataset import Dataset
from transforms.write.bigquery.methods import FILE_LOADS, METHODS
from transforms.write.bigquery.rows import json_row
from transforms.write.bigquery.store import add_run
from transforms.write.bigquery.tables import ALL_TABLES, clustering, evolved, prepare, views
from transforms.write.output import OutputError
from transforms.write.transform import StoredSchema

VIEWS = (
    "events_latest", "event_survivors", "event_articles_latest", "articles_latest",
    "article_notices_latest",
)  # fmt: skip


def required(name, kind="STRING"):
    return SchemaField(name, kind, "REQUIRED")


def shape(fields):
    return [(f.name, f.field_type, f.mode, shape(f.fields)) for f in fields]


def test_a_schema_that_holds_our_rows_is_left_alone():
    stored = [required("a"), SchemaField("b", "INTEGER", "NULLABLE")]
    assert evolved(stored, stored, "t") is None
    assert evolved(stored, [required("a"), required("b", "INTEGER")], "t") is None


def test_other_names_of_a_type_and_of_a_column_are_the_same():
    inner = [SchemaField("c", "FLOAT64", "NULLABLE"), SchemaField("d", "BOOL", "NULLABLE")]
    stored = [
        SchemaField("A", "INT64", "NULLABLE"),
        SchemaField("b", "STRUCT", "REPEATED", fields=inner),
    ]
    wanted = [required("a", "INTEGER"), SchemaField("b", "RECORD", "REPEATED", fields=[
        required("c", "FLOAT"), required("d", "BOOLEAN")])]  # fmt: skip
    assert evolved(stored, wanted, "t") is None


def test_new_columns_come_last_and_may_be_null():
    inner = SchemaField("r", "RECORD", "REPEATED", fields=[required("x")])
    wider = SchemaField("r", "RECORD", "REPEATED", fields=[required("x"), required("y", "FLOAT")])
    list_of = SchemaField("l", "STRING", "REPEATED")
    found = evolved([inner, required("a")], [required("b"), list_of, required("a"), wider], "t")
    assert shape(found) == [
        ("r", "RECORD", "REPEATED", [("x", "STRING", "REQUIRED", []),
                                     ("y", "FLOAT", "NULLABLE", [])]),
        ("a", "STRING", "REQUIRED", []),
        ("b", "STRING", "NULLABLE", []),
        ("l", "STRING", "REPEATED", []),
    ]  # fmt: skip


def test_what_we_do_not_know_or_may_leave_out_is_made_nullable():
    row = SchemaField("r", "RECORD", "REQUIRED", fields=[required("x"), required("theirs")])
    stored = [required("theirs"), required("a"), row, SchemaField("l", "STRING", "REPEATED")]
    wanted = [
        SchemaField("a", "STRING", "NULLABLE"),
        SchemaField("r", "RECORD", "REQUIRED", fields=[required("x")]),
    ]
    assert shape(evolved(stored, wanted, "t")) == [
        ("theirs", "STRING", "NULLABLE", []),
        ("a", "STRING", "NULLABLE", []),
        ("r", "RECORD", "REQUIRED", [("x", "STRING", "REQUIRED", []),
                                     ("theirs", "STRING", "NULLABLE", [])]),
        ("l", "STRING", "REPEATED", []),
    ]  # fmt: skip


def test_a_column_keeps_what_else_is_said_of_it():
    stored = [SchemaField("a", "STRING", "REQUIRED", description="theirs", max_length=9)]
    (found, _) = evolved(stored, [SchemaField("a", "STRING"), required("b")], "t")
    assert (found.description, found.max_length, found.mode) == ("theirs", 9, "NULLABLE")


@pytest.mark.parametrize(
    ("stored", "where"),
    [
        (required("a", "INTEGER"), r"t: the column a is REQUIRED INTEGER there"),
        (SchemaField("a", "STRING", "REPEATED"), r"t: the column a is REPEATED STRING there"),
    ],
)
def test_another_type_or_mode_is_refused_in_one_line(stored, where):
    with pytest.raises(OutputError, match=where) as caught:
        evolved([stored], [required("a")], "t")
    assert "choose another dataset, or rename the old table" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_field_of_another_type_inside_a_record_is_named_with_its_record():
    stored, wanted = (
        [SchemaField("r", "RECORD", "REPEATED", fields=[required("x", kind)])]
        for kind in ("INTEGER", "STRING")
    )
    with pytest.raises(OutputError, match=r"^t\.r: the column x is REQUIRED INTEGER there"):
        evolved(stored, wanted, "t")


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_no_more_columns_cluster_a_table_than_bigquery_takes(table):
    assert 1 <= len(clustering(table)) <= 4
    assert set(clustering(table)) <= set(table.key)


def test_the_views_name_the_dataset_everywhere():
    text = "\n".join(views(Dataset("news-local", "d")))
    assert len(views(Dataset("news-local", "d"))) == len(VIEWS)
    assert "DATASET" not in text
    assert text.count("`news-local.d.") == text.count("`") / 2


class TestPrepare:
    pytestmark = BIGQUERY

    def test_all_tables_are_made_as_the_schemas_say(self, prepared):
        for table in ALL_TABLES:
            stored = prepared.client.get_table(prepared.dataset.table(table.name))
            wanted = [SchemaField.from_api_repr(field) for field in table.bigquery_schema()]
            assert shape(stored.schema) == shape(wanted)
            assert stored.time_partitioning.type_ == "DAY"
            assert stored.time_partitioning.field == table.partition_by
            assert stored.clustering_fields == clustering(table)
            assert stored.description == table.description
        for view in VIEWS:
            assert prepared.rows(f"SELECT * FROM `{{d}}.{view}`") == []

    def test_a_second_time_changes_no_table(self, prepared, faults):
        made = [faults.add(method, "accessDenied", ALWAYS)
                for method in ("PATCH /", "PUT /", f"POST /bigquery/v2/projects/"
                               f"{prepared.dataset.project}/datasets")]  # fmt: skip
        prepare(prepared.dataset)
        assert [fault.met for fault in made] == [0, 0, 0]

    @pytest.mark.parametrize("method", METHODS)
    def test_an_older_table_gets_the_columns_it_lacks(
        self, bigquery, appender_of, make_row, method
    ):
        # Here novelty, and weight inside the record keywords, are newer than the table.
        make_table(bigquery, "events", older_events())
        old = json_row(EVENTS, make_row("events", event_id="old"))
        del old["novelty"], old["keywords"][0]["weight"]
        assert not bigquery.client.insert_rows_json(bigquery.dataset.table("events"), [old])
        prepare(bigquery.dataset)
        stored = bigquery.client.get_table(bigquery.dataset.table("events"))
        modes = {field.name: field.mode for field in stored.schema}
        assert modes["novelty"] == "NULLABLE"
        assert modes["event_id"] == "REQUIRED"
        (keywords,) = (field for field in stored.schema if field.name == "keywords")
        assert [(f.name, f.mode) for f in keywords.fields][-1] == ("weight", "NULLABLE")
        new = make_row("events", event_id="new")
        assert appender_of(method).append(EVENTS, [new]) == []
        add_run(appender_of(method), 0, {})
        shown = "SELECT event_id, novelty, keywords FROM `{d}.events_latest` ORDER BY event_id"
        assert bigquery.rows(shown) == [
            {"event_id": "new", "novelty": 0.25, "keywords": [{"term": "bridge", "weight": 0.5}]},
            {"event_id": "old", "novelty": None, "keywords": [{"term": "bridge", "weight": None}]},
        ]
        survivors = bigquery.rows("SELECT * FROM `{d}.event_survivors` ORDER BY event_id")
        assert [row["survivor_id"] for row in survivors] == ["new", "old"]

    def test_load_jobs_name_the_columns_as_the_table_has_them(
        self, bigquery, appender_of, make_row, monkeypatch
    ):
        # BigQuery refuses a job whose schema has a column REQUIRED that is NULLABLE in the table.
        make_table(bigquery, "events", older_events())
        prepare(bigquery.dataset)
        stored = bigquery.client.get_table(bigquery.dataset.table("events")).schema
        used = client.query_client(bigquery.dataset.project)
        asked = []

        def load(file, name, *, job_config, **others):
            asked.append(job_config.schema)
            return google_bigquery.Client.load_table_from_file(
                used, file, name, job_config=job_config, **others
            )

        monkeypatch.setattr(used, "load_table_from_file", load)
        assert appender_of(FILE_LOADS).append(EVENTS, [make_row("events")]) == []
        assert [shape(schema) for schema in asked] == [shape(stored)]
        assert ("novelty", "FLOAT", "NULLABLE", []) in shape(stored)
        told = pickle.loads(pickle.dumps(StoredSchema(bigquery.dataset, "events")))("events")
        assert shape(map(SchemaField.from_api_repr, told["fields"])) == shape(stored)

    @pytest.mark.parametrize("method", METHODS)
    def test_rows_fit_beside_a_column_of_somebody_else(
        self, bigquery, appender_of, make_row, method
    ):
        schema = [SchemaField.from_api_repr(field) for field in ARTICLES.bigquery_schema()]
        make_table(bigquery, "articles", [required("theirs"), *schema])
        prepare(bigquery.dataset)
        assert appender_of(method).append(ARTICLES, [make_row("articles")]) == []
        (row,) = bigquery.rows("SELECT article_id, theirs FROM `{d}.articles`")
        assert row == {"article_id": "a1", "theirs": None}

    def test_a_table_that_cannot_hold_our_rows_stops_the_run(self, bigquery):
        schema = [SchemaField("event_id", "INTEGER", "REQUIRED")]
        make_table(bigquery, "events", schema)
        with pytest.raises(OutputError, match=r"\.events: the column event_id is REQUIRED INTEGER"):
            prepare(bigquery.dataset)

    def test_a_dataset_that_is_not_there_is_told_with_how_to_make_it(self, bigquery):
        gone = Dataset(bigquery.dataset.project, "gone")
        with pytest.raises(OutputError, match=r"^bigquery:news-local\.gone: .* bq mk --dataset"):
            prepare(gone)

    def test_a_permission_that_lacks_is_told_with_the_role(self, prepared, faults):
        faults.add("GET /", "accessDenied", ALWAYS)
        with pytest.raises(OutputError, match=r"grant roles/bigquery\.dataEditor") as caught:
            prepare(prepared.dataset)
        assert "\n" not in str(caught.value)
        assert str(prepared.dataset) in str(caught.value)

    def test_a_server_that_is_busy_for_a_moment_is_asked_again(self, prepared, faults):
        fault = faults.add("GET /", "backendError", 1)
        prepare(prepared.dataset)
        assert fault.met == 1


def test_no_credentials_are_told_with_how_to_get_them(monkeypatch):
    def refuse(*_, **__):
        raise DefaultCredentialsError("no credentials\nwere found")

    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(google.auth, "default", refuse)
    client.query_client.cache_clear()
    with pytest.raises(OutputError, match="gcloud auth application-default login"):
        prepare(Dataset("news-local", "events"))


def test_credentials_that_ran_out_are_told_in_one_line():
    with (
        pytest.raises(OutputError, match="expired") as caught,
        client.explained(Dataset("news-local", "events"), "look it up"),
    ):
        raise RefreshError("expired\nor revoked")
    assert "\n" not in str(caught.value)
    assert "gcloud auth application-default login" in str(caught.value)


@pytest.fixture
def appender_of(bigquery):
    from transforms.write.bigquery.append import Appender

    return lambda method: Appender(bigquery.dataset, method)


def make_table(bigquery, name, schema, made_by="newsevents"):
    table = google_bigquery.Table(bigquery.dataset.table(name), schema=schema)
    table.labels = {"made_by": made_by}
    bigquery.client.create_table(table)


def test_a_table_of_somebody_else_is_never_touched(bigquery):
    schema = [google_bigquery.SchemaField("host", "STRING")]
    make_table(bigquery, "alerts", schema, made_by="ops")
    bigquery.client.query(f"INSERT `{bigquery.dataset.table('alerts')}` VALUES ('a')").result()
    with pytest.raises(OutputError, match="alerts was not made by newsevents"):
        prepare(bigquery.dataset)
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.alerts`") == 1
    assert len(bigquery.client.get_table(bigquery.dataset.table("alerts")).schema) == 1


def older_events():
    """Give the schema of events without two of our columns, one of them in a record."""
    fields = [field for field in EVENTS.bigquery_schema() if field["name"] != "novelty"]
    for field in fields:
        if field["name"] == "keywords":
            field["fields"] = [inner for inner in field["fields"] if inner["name"] != "weight"]
    return [SchemaField.from_api_repr(field) for field in fields]

"""Write records as rows of a table."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, WriteToPubSub
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from schemas import EventChange, Moved, Rejected
from transforms._shared.counts import count, timed
from transforms.write.bigquery.append import Appender, too_large
from transforms.write.bigquery.client import stored_schema
from transforms.write.bigquery.dataset import Dataset
from transforms.write.bigquery.methods import FILE_LOADS
from transforms.write.bigquery.rows import plain_row
from transforms.write.bigquery.store import count_refused
from transforms.write.change_message import change_message
from transforms.write.output import local_folder
from transforms.write.parquet import ROWS_AT_ONCE, ParquetFolder
from transforms.write.rounds import READINGS, registered
from transforms.write.rows import MOVED, ROW_SOURCES, Row, rows_of, table_of, utc_date
from transforms.write.stored_text import keep_text


@dataclass
class WriteTables(beam.PTransform):
    """Write all records of a bounded run to their tables; returns the paths of the files.

    Takes the records of each table by its name: Assignment for articles and event_articles, Event
    for events, EventChange for event_changes, Rejected for dead_letters, Fetch for fetch_log, Alert
    for alerts, Notice for article_notices. The paths are relative to ``output``; a table that gets
    no record has one file without rows, so that it can be read.

    Nothing is rejected and nothing dropped: a record is a row, even when another one looks the
    same. No state is kept; an output that cannot be written ends the run with ``OutputError``.

    Records of the tables ``in_place`` are written at the end of the bundle they are made in, in
    files of its own: an engine that makes all of a table in one bundle need not send them. Their
    rows must differ in their keys, or the file of one bundle may replace that of another.

    Raises:
        ValueError: there is no such table, or ``output`` is not a local folder.
    """

    output: str
    dim: int  # numbers in a vector
    in_place: Collection[str] = ()

    def __post_init__(self) -> None:
        self._root = local_folder(self.output)

    def expand(self, tables: Mapping[str, beam.PCollection]) -> beam.PCollection[str]:
        folders = {name: ParquetFolder(self._root, table_of(name), self.dim) for name in tables}
        together = _of_same_records(tables)
        in_place = [names for names in together if names[0] in self.in_place]
        # The others go through one step: each of its own costs an engine more than these rows do.
        keyed = [
            tables[names[0]] | _label("Key", names) >> _key_by_date(names)
            for names in together
            if names not in in_place
        ]
        grouped = (
            keyed
            | "Keyed" >> beam.Flatten()
            | "GroupByDate" >> beam.GroupByKey()
            | "WriteFiles" >> beam.FlatMap(_write_date, folders)
        )
        made = [
            tables[names[0]] | _label("Write", names) >> _write_bundle(names, folders)
            for names in in_place
        ]
        paths = (grouped, *made) | "Written" >> beam.Flatten()
        empty = (
            paths.pipeline
            | "Once" >> beam.Impulse()
            | "WriteEmpty" >> beam.FlatMap(_write_empty, folders, beam.pvalue.AsIter(paths))
        )
        return (paths, empty) | "Paths" >> beam.Flatten()


def _of_same_records(tables: Mapping[str, beam.PCollection]) -> list[list[str]]:
    """Put together the tables whose rows are of the same records and dates."""
    names: dict[tuple[int, Any], list[str]] = {}
    for name, records in tables.items():
        names.setdefault((id(records), ROW_SOURCES[name].time), []).append(name)
    return list(names.values())


def _label(verb: str, tables: list[str]) -> str:
    return verb + "_".join(tables).title().replace("_", "")


def _key_by_date(tables: list[str]) -> beam.PTransform:
    source = ROW_SOURCES[tables[0]]
    prefix = ",".join(tables)

    def key(record: Any) -> tuple[str, Any]:
        count("write", "in", len(tables))
        return f"{prefix}/{utc_date(source.time(record))}", record

    return beam.Map(key).with_input_types(source.record).with_output_types(tuple[str, Any])


def _write_date(
    dated: tuple[str, Iterable[Any]], folders: Mapping[str, ParquetFolder]
) -> Iterator[str]:
    tables, _, _ = dated[0].partition("/")
    yield from _write(tables.split(","), dated[1], folders)


def _write_bundle(tables: list[str], folders: Mapping[str, ParquetFolder]) -> beam.PTransform:
    record = ROW_SOURCES[tables[0]].record
    writing = _WriteBundle(tables, {name: folders[name] for name in tables})
    return beam.ParDo(writing).with_input_types(record).with_output_types(str)


class _WriteBundle(beam.DoFn):
    """Writes a bundle at its end, some days at a time: not all rows are made at once."""

    def __init__(self, tables: list[str], folders: Mapping[str, ParquetFolder]) -> None:
        self._tables, self._folders = tables, folders
        self._time = ROW_SOURCES[tables[0]].time

    def start_bundle(self) -> None:
        self._dates: dict[str, list[Any]] = defaultdict(list)

    def process(self, record: Any) -> None:
        count("write", "in", len(self._tables))
        self._dates[utc_date(self._time(record))].append(record)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        records: list[Any] = []
        while self._dates:
            records += self._dates.pop(min(self._dates))
            if len(records) >= ROWS_AT_ONCE or not self._dates:
                for path in _write(self._tables, records, self._folders):
                    yield WindowedValue(path, window.max_timestamp(), [window])
                records = []


def _write(
    tables: Sequence[str], records: Iterable[Any], folders: Mapping[str, ParquetFolder]
) -> Iterator[str]:
    """Write records of whole days, which may be gone over once for each table."""
    for table in tables:
        with timed("write"):
            rows = [row for record in records for row in ROW_SOURCES[table].rows(record)]
            paths = folders[table].write(rows)
        yield from paths
        count("write", "out", len(rows))
        count("write", f"rows_{table}", len(rows))


def _write_empty(
    _: bytes, folders: Mapping[str, ParquetFolder], paths: Iterable[str]
) -> Iterator[str]:
    written = {path.partition("/")[0] for path in paths}
    for name, folder in folders.items():
        if name not in written:
            yield folder.write_empty()


@dataclass
class PublishChanges(beam.PTransform):
    """Publish what happened to events to a Pub/Sub topic, each change as a CloudEvent.

    See ``transforms.write.change_message`` for the form. Messages come at least once and in any
    order: the ``id`` of a CloudEvent is the same for the same change, and ``time`` and the
    ``revision`` in its data say what came first. They have no ordering key: Beam's sink has none
    on Dataflow, and bundles of one event may end in another order than they began.

    Nothing is rejected and no state is kept. While Pub/Sub cannot be reached, bundles fail, and
    the engine tries them again.

    Raises:
        ValueError: the topic is not of the form projects/PROJECT/topics/NAME.
    """

    topic: str

    def __post_init__(self) -> None:
        self._sink = WriteToPubSub(self.topic, with_attributes=True)

    def expand(self, changes: beam.PCollection[EventChange]) -> beam.PCollection:
        messages = beam.Map(_published).with_output_types(PubsubMessage)
        return changes | "Message" >> messages | "Publish" >> self._sink


def _published(change: EventChange) -> PubsubMessage:
    data, attributes = change_message(change)
    count("write", "published")
    return PubsubMessage(data, attributes)


@dataclass
class KeepText(beam.PTransform):
    """Take from records of one class what the tables are not to hold; see ``keep_text``.

    Gives as many records as it takes, and rejects nothing.
    """

    record: type
    store_text: str

    def expand(self, records: beam.PCollection) -> beam.PCollection:
        keep = beam.Map(keep_text, self.store_text).with_input_types(self.record, str)
        return records | "Keep" >> keep.with_output_types(self.record)


@dataclass
class CollectRows(beam.PTransform):
    """Hand records to the ``Rounds`` of this process that is registered under ``rounds``.

    Takes what ``WriteTables`` takes, Moved under the name ``moved``, and Reading, which makes no
    row of its own, under ``readings``. The rows are in the output once the round is
    committed. Gives nothing and rejects nothing.
    """

    table_name: str
    rounds: str

    def default_label(self) -> str:
        return "Collect" + self.table_name.title().replace("_", "")

    def expand(self, records: beam.PCollection) -> beam.PCollection:
        return records | "Collect" >> beam.ParDo(_CollectDoFn(self.table_name, self.rounds))


class _CollectDoFn(beam.DoFn):
    def __init__(self, table_name: str, rounds: str) -> None:
        self._table_name = table_name
        self._rounds = rounds

    def process(self, record: Any) -> None:
        if self._table_name == READINGS:
            registered(self._rounds).add(READINGS, record)
            return
        count("write", "in")
        with timed("write"):
            rows = registered(self._rounds).add(self._table_name, record)
        count("write", "out", rows)
        count("write", f"rows_{table_of(self._table_name).name}", rows)
        if not rows:
            count("write", "again")


@dataclass
class AppendTable(beam.PTransform):
    """Append the rows of all records to one table of a dataset; gives those refused as Rejected.

    Takes what ``WriteTables`` takes, and Moved under the name ``moved``. Rejected are
    ``row_too_large`` for BigQuery and ``row_refused`` by it. An attempt that is repeated appends
    the same rows again, which the views count once. No state but that of rows waiting to be sent
    together: ``most_rows`` of them, and when not ``bounded`` for ``wait_seconds``.
    """

    table_name: str
    appender: Appender
    bounded: bool = True
    number: int = 0  # the round that all rows are of
    most_rows: int = 500  # of a request
    wait_seconds: int = 2

    def __post_init__(self) -> None:
        self._table = table_of(self.table_name)

    def default_label(self) -> str:
        return "Append" + self.table_name.title().replace("_", "")

    def expand(self, records: beam.PCollection) -> beam.PCollection[Rejected]:
        if self.appender.method == FILE_LOADS and self.bounded:
            return self._load(records)
        append = beam.ParDo(_AppendDoFn(self))
        if self.bounded:
            return records | "Append" >> append.with_output_types(Rejected)
        record = Moved if self.table_name == MOVED else ROW_SOURCES[self.table_name].record
        return (
            records
            | "Key"
            >> beam.WithKeys(self.table_name).with_output_types(beam.typehints.KV[str, record])
            | "Batch" >> beam.GroupIntoBatches.WithShardedKey(self.most_rows, self.wait_seconds)
            | "Unkey" >> beam.FlatMap(_values).with_output_types(record)
            | "Append" >> append.with_output_types(Rejected)
        )

    def _load(self, records: beam.PCollection) -> beam.PCollection[Rejected]:
        dataset, table = self.appender.dataset, self._table
        rows = beam.FlatMap(_plain_rows, self.table_name, self.number).with_outputs(
            "rejected", main="rows"
        )
        made = records | "MakeRows" >> rows
        _ = made.rows | "Load" >> beam.io.WriteToBigQuery(
            f"{dataset.project}:{dataset.name}.{table.name}",
            schema=StoredSchema(dataset, table.name),
            method=beam.io.WriteToBigQuery.Method.FILE_LOADS,
            create_disposition=beam.io.BigQueryDisposition.CREATE_NEVER,
            write_disposition=beam.io.BigQueryDisposition.WRITE_APPEND,
            temp_file_format="AVRO",  # typed, and smaller than JSON
        )
        return made.rejected


@dataclass(frozen=True)
class StoredSchema:
    """Asks for a table's columns once it is there, in the form Beam takes."""

    dataset: Dataset
    table: str

    def __call__(self, _: str) -> dict[str, Any]:
        return {"fields": [one.to_api_repr() for one in stored_schema(self.dataset, self.table)]}


def _values(batch: tuple[Any, Iterable[Any]]) -> Iterable[Any]:
    return batch[1]


class _AppendDoFn(beam.DoFn):
    """Sends the records of a bundle together: in a run that ends no timer is to be relied on."""

    def __init__(self, settings: AppendTable) -> None:
        self._table_name = settings.table_name
        self._appender = settings.appender
        self._most_rows = settings.most_rows
        self._number = settings.number

    def start_bundle(self) -> None:
        self._waiting: list[Any] = []

    def process(self, record: Any) -> Iterator[Rejected]:
        self._waiting.append(record)
        if len(self._waiting) >= self._most_rows:
            yield from self._send()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for letter in self._send():
            yield WindowedValue(letter, MIN_TIMESTAMP, [GlobalWindow()])

    def _send(self) -> Iterator[Rejected]:
        records, self._waiting = self._waiting, []
        with timed("write"):
            rows = [row for record in records for row in rows_of(self._table_name, record)]
            for row in rows:
                row["round"] = self._number
            refused = self._appender.append(table_of(self._table_name), rows)
        _count_rows(self._table_name, len(records), len(rows))
        for one in refused:
            count_refused(one)
            yield one.letter()


def _plain_rows(
    record: Any, table_name: str, number: int
) -> Iterator[dict[str, Any] | TaggedOutput[Literal["rejected"], Rejected]]:
    table = table_of(table_name)
    rows: list[Row] = rows_of(table_name, record)
    _count_rows(table_name, 1, len(rows))
    for row in rows:
        row["round"] = number
        refused = too_large(table, row, FILE_LOADS)
        if refused is None:
            yield plain_row(table, row)
        else:
            count_refused(refused)
            yield TaggedOutput("rejected", refused.letter())


def _count_rows(table_name: str, records: int, rows: int) -> None:
    count("write", "in", records)
    count("write", "out", rows)
    count("write", f"rows_{table_of(table_name).name}", rows)

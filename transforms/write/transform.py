"""Write records as rows of a table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from transforms._shared.counts import count, timed
from transforms.write.output import local_folder
from transforms.write.parquet import ParquetFolder
from transforms.write.rounds import MOVED, READINGS, registered
from transforms.write.rows import ROW_SOURCES, utc_date
from transforms.write.stored_text import keep_text


@dataclass
class WriteTable(beam.PTransform):
    """Write all records of a bounded run to one table; returns the paths of its files.

    Takes Assignment for articles and event_articles, Event for events, EventChange for
    event_changes, Rejected for dead_letters, Fetch for fetch_log, Alert for alerts, Notice for
    article_notices. The paths are relative to ``output``; a table that gets no record has one file
    without rows, so that it can be read.

    Nothing is rejected and nothing dropped: a record is a row, even when another one looks the
    same. No state is kept; an output that cannot be written ends the run with ``OutputError``.

    Raises:
        ValueError: there is no such table, or ``output`` is not a local folder.
    """

    table_name: str
    output: str
    dim: int  # numbers in a vector

    def __post_init__(self) -> None:
        if self.table_name not in ROW_SOURCES:
            raise ValueError(f"no table {self.table_name}: one of {', '.join(ROW_SOURCES)}")
        self._folder = ParquetFolder(
            local_folder(self.output), ROW_SOURCES[self.table_name].table, self.dim
        )

    def default_label(self) -> str:
        return "Write" + self.table_name.title().replace("_", "")

    def expand(self, records: beam.PCollection) -> beam.PCollection[str]:
        record = ROW_SOURCES[self.table_name].record
        key = beam.Map(_key_by_date, self.table_name).with_input_types(record, str)
        paths = (
            records
            | "KeyByDate" >> key.with_output_types(beam.typehints.KV[str, record])
            | "GroupByDate" >> beam.GroupByKey()
            | "WriteFiles" >> beam.FlatMap(_write_date, self.table_name, self._folder)
        )
        empty = (
            records.pipeline
            | "Once" >> beam.Impulse()
            | "WriteEmpty" >> beam.FlatMap(_write_empty, self._folder, beam.pvalue.AsIter(paths))
        )
        return (paths, empty) | "Paths" >> beam.Flatten()


def _key_by_date(record: Any, table_name: str) -> tuple[str, Any]:
    count("write", "in")
    return utc_date(ROW_SOURCES[table_name].time(record)), record


def _write_date(
    dated: tuple[str, Iterable[Any]], table_name: str, folder: ParquetFolder
) -> Iterator[str]:
    with timed("write"):
        rows = [row for record in dated[1] for row in ROW_SOURCES[table_name].rows(record)]
        paths = list(folder.write(rows))
    yield from paths
    count("write", "out", len(rows))
    count("write", f"rows_{table_name}", len(rows))


def _write_empty(_: bytes, folder: ParquetFolder, paths: Iterable[str]) -> Iterator[str]:
    if not any(True for _ in paths):
        yield folder.write_empty()


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

    Takes what ``WriteTable`` takes, Moved under the name ``moved``, and Reading, which makes no row
    of its own, under ``readings``. The rows are in the output
    once the round is committed. Gives nothing and rejects nothing.
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
        table = "event_articles" if self._table_name == MOVED else self._table_name
        count("write", "out", rows)
        count("write", f"rows_{table}", rows)
        if not rows:
            count("write", "again")

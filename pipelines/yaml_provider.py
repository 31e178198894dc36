"""The stages as one transform for Beam YAML: rows in, rows out. See deploy/yaml/README.md."""

from datetime import datetime
from typing import Any

import apache_beam as beam

from pipelines.flow import build
from pipelines.options import UsageError, parse_settings
from pipelines.yaml_rows import (
    ArticleRow,
    EventRow,
    RejectedRow,
    RepeatRow,
    article_row,
    document,
    event_row,
    moment,
    rejected_row,
    repeat_row,
)
from schemas import Attempt, Document, Reading, Rejected
from transforms.embed.model import ModelError, resolve_model
from transforms.read.transform import Read


class DetectEvents(beam.PTransform):  # type: ignore[misc]
    """Find the events that rows of news tell of, in a pipeline that ends.

    Each row in leaves by ``articles``, ``repeats`` or ``rejected``; ``events`` are what the
    articles were joined to. A row holds ``title`` or ``text``, and what else is known (``id``,
    ``url``, ``published``, ``lang``, ``source``) by the names that a JSON file of articles may use.

    Args:
        received_at: when rows without a date are taken to be published, in ISO 8601 with a zone;
            the time at which the pipeline is built unless given.
        options: those of ``newsevents-detect`` that shape the events, such as ``window_days``.

    Raises:
        ValueError: an option is unknown or has a bad value, or the model cannot be loaded.
    """

    _OPTIONS = (
        "model", "max_tokens", "window_days", "partitions", "granularity", "cross_language",
    )  # fmt: skip

    def __init__(self, received_at: str = "", **options: Any) -> None:
        super().__init__()
        unknown = sorted(options.keys() - set(self._OPTIONS))
        if unknown:
            known = ", ".join(("received_at", *self._OPTIONS))
            raise ValueError(f"DetectEvents knows no {unknown[0]}: it has {known}")
        try:
            self._settings = parse_settings(["--input=rows", "--output=rows", *_flags(options)])
            self._model = resolve_model(self._settings.model)
        except (UsageError, ModelError) as error:
            raise ValueError(f"DetectEvents: {error}") from error
        self._received_at = moment(received_at) if received_at else self._settings.as_of

    def expand(self, rows: beam.PCollection) -> dict[str, beam.PCollection]:
        documents = rows | "Rows" >> beam.Map(_document, self._received_at)
        detected = build(_read(documents), self._settings, self._model)
        rejected = detected.rejected | "Rejected" >> beam.Flatten()
        return {
            "articles": detected.assignments
            | "ArticleRows" >> beam.Map(article_row).with_output_types(ArticleRow),
            "events": detected.events
            | "EventRows" >> beam.Map(event_row).with_output_types(EventRow),
            "rejected": rejected
            | "RejectedRows" >> beam.Map(rejected_row).with_output_types(RejectedRow),
            "repeats": detected.repeats
            | "RepeatRows" >> beam.Map(repeat_row).with_output_types(RepeatRow),
        }


def _flags(options: dict[str, Any]) -> list[str]:
    """Write options as on the command line, where they are checked."""
    return [
        f"--{name}" if value is True else f"--{name}={value}"
        for name, value in options.items()
        if value is not False
    ]


def _document(row: Any, received_at: datetime) -> Document:
    return document(row._asdict(), received_at)


def _read(documents: beam.PCollection[Document]) -> Read:
    """Say that nothing else was read."""
    none = {
        name: documents.pipeline | f"No{name}" >> beam.Create([]).with_output_types(kind)
        for name, kind in (("Rejected", Rejected), ("Readings", Reading), ("Attempts", Attempt))
    }
    return Read(documents, none["Rejected"], none["Readings"], none["Attempts"])

"""The flow of the main job, once: every command that runs it calls ``build``."""

from typing import NamedTuple

import apache_beam as beam

from pipelines.options import Settings
from schemas import Assignment, ComparedArticle, Event, EventChange, Rejected, Repeat
from transforms import (
    ClusterArticles,
    CompareArticles,
    EmbedArticles,
    ExtractArticles,
    IdentifyEntries,
    NormaliseArticles,
    ParseEntries,
    ReadDocuments,
    ScoreEvents,
    WriteTable,
)
from transforms.embed.model import ModelFiles
from transforms.read.files import portable

MIB = 2**20


class Sources(NamedTuple):
    """What to read: paths and URLs, each once."""

    files: tuple[str, ...]
    feeds: tuple[str, ...]  # must each give a feed; anything else is a dead letter


class Compared(NamedTuple):
    """Articles with their copy verdicts, and what became no article."""

    compared: beam.PCollection[ComparedArticle]
    repeats: beam.PCollection[Repeat]
    rejected: beam.PCollection[Rejected]


class Detected(NamedTuple):
    """What comes of the sources: each item is in an assignment, a repeat or a reject."""

    assignments: beam.PCollection[Assignment]
    events: beam.PCollection[Event]
    changes: beam.PCollection[EventChange]
    repeats: beam.PCollection[Repeat]
    rejected: beam.PCollection[Rejected]


def compare(
    pipeline: beam.Pipeline, sources: Sources, settings: Settings, model: ModelFiles
) -> Compared:
    """Wire the stages from sources to compared articles."""
    files, feeds = ([portable(source) for source in part] for part in sources)
    read = (
        pipeline
        | "Sources" >> beam.Create([*files, *feeds]).with_output_types(str)
        | "Read"
        >> ReadDocuments(
            max_file_bytes=settings.max_file_mb * MIB,
            fetch_timeout_seconds=settings.fetch_timeout_seconds,
            feeds=frozenset(feeds),
        )
    )
    parsed = read.documents | "Parse" >> ParseEntries()
    identified = parsed.entries | "Identify" >> IdentifyEntries(settings.window_days)
    extracted = identified.identified | "Extract" >> ExtractArticles()
    normalised = extracted.extractions | "Normalise" >> NormaliseArticles(as_of=settings.as_of)
    embedded = normalised.articles | "Embed" >> EmbedArticles(settings.model, settings.max_tokens)
    compared = embedded | "Dedupe" >> CompareArticles(
        model.dim, settings.window_days, partitions=settings.partitions
    )
    rejected = (
        read.rejected,
        parsed.rejected,
        extracted.rejected,
        normalised.rejected,
    ) | "Rejected" >> beam.Flatten()
    return Compared(compared, identified.repeats, rejected)


def build(
    pipeline: beam.Pipeline, sources: Sources, settings: Settings, model: ModelFiles
) -> Detected:
    """Wire all stages from sources to events."""
    upto = compare(pipeline, sources, settings, model)
    clustered = upto.compared | "Cluster" >> ClusterArticles(
        model.model_id, settings.window_days, settings.granularity, settings.cross_language
    )
    scored = clustered.events | "Score" >> ScoreEvents(clustered.assignments, settings.window_days)
    return Detected(
        clustered.assignments, scored.events, scored.changes, upto.repeats, upto.rejected
    )


def write(detected: Detected, output: str, dim: int) -> beam.PCollection[str]:
    """Write every table; returns the relative paths of the files."""
    tables = (
        ("articles", detected.assignments),
        ("events", detected.events),
        ("event_articles", detected.assignments),
        ("event_changes", detected.changes),
        ("dead_letters", detected.rejected),
    )
    paths = [records | WriteTable(name, output, dim) for name, records in tables]
    return paths | "Written" >> beam.Flatten()

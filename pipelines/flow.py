"""The flow of the main job, once: every command that runs it calls ``build``."""

from typing import NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions

from pipelines.at_once import EmbedCompareCluster
from pipelines.options import LOCAL_RUNNERS, Settings
from schemas import (
    Alert,
    Assignment,
    Attempt,
    Event,
    EventChange,
    Fetch,
    Moved,
    Notice,
    Reading,
    Rejected,
    Repeat,
    Sighting,
)
from transforms import (
    ClusterArticles,
    CompareArticles,
    EmbedArticles,
    ExtractArticles,
    FetchPages,
    IdentifyEntries,
    NormaliseArticles,
    ParseEntries,
    ReadDocuments,
    ScoreEvents,
    WriteTables,
)
from transforms._shared.seeds import Seeds
from transforms.cluster.transform import Clustered
from transforms.embed.backends import choose
from transforms.embed.model import ModelFiles
from transforms.embed.transform import processes_of
from transforms.read.files import portable
from transforms.read.transform import LogFetches, Read
from transforms.write.bigquery.append import Appender
from transforms.write.output import OutputError
from transforms.write.rounds import READINGS
from transforms.write.rows import MOVED
from transforms.write.stored_text import FULL
from transforms.write.transform import AppendTable, CollectRows, KeepText

MIB = 2**20
REJECTING = ("Read", "Parse", "Extract", "Normalise")  # the stages that refuse, in flow order


class Sources(NamedTuple):
    """What to read: paths and URLs, each once."""

    files: tuple[str, ...]
    feeds: tuple[str, ...]  # must each give a feed; anything else is a dead letter


class Mode(NamedTuple):
    """How the documents come, and what was there before them."""

    bounded: bool = True  # they come to an end; else each is decided on as it comes
    stored: bool = True  # their dates are trusted however long ago they were
    seeds: Seeds | None = None  # what to go on from, when not bounded


ONCE = Mode()  # a run that ends


class Upto(NamedTuple):
    """What the stages up to one of them give: articles of some kind, and what became none."""

    articles: beam.PCollection  # or notices
    repeats: beam.PCollection[Repeat]
    sightings: beam.PCollection[Sighting]
    readings: tuple[beam.PCollection[Reading], ...]  # of feeds and lists of feeds
    rejected: tuple[beam.PCollection[Rejected], ...]  # of each stage that refuses


class Detected(NamedTuple):
    """What comes of the sources: each item is in an assignment, a repeat or a reject."""

    assignments: beam.PCollection[Assignment]
    moved: beam.PCollection[Moved]
    notices: beam.PCollection[Notice]
    events: beam.PCollection[Event]
    changes: beam.PCollection[EventChange]
    repeats: beam.PCollection[Repeat]
    sightings: beam.PCollection[Sighting]
    attempts: beam.PCollection[Attempt]
    readings: tuple[beam.PCollection[Reading], ...]
    rejected: tuple[beam.PCollection[Rejected], ...]


def read_once(pipeline: beam.Pipeline, sources: Sources, settings: Settings) -> Read:
    """Read every source to its end."""
    files, feeds = ([portable(source) for source in part] for part in sources)
    read: Read = (
        pipeline
        | "Sources" >> beam.Create([*files, *feeds]).with_output_types(str)
        | "Read"
        >> ReadDocuments(
            max_file_bytes=settings.max_file_mb * MIB,
            fetch_timeout_seconds=settings.fetch_timeout_seconds,
            feeds=frozenset(feeds),
            allow_private_hosts=settings.allow_private_hosts,
        )
    )
    return read


def normalise(
    read: Read, settings: Settings, mode: Mode = ONCE, earliest_first: bool = False
) -> Upto:
    """Wire the stages from documents to articles.

    Args:
        earliest_first: see ``IdentifyEntries``.
    """
    days, (bounded, stored, seeds) = settings.window_days, mode
    parsed = read.documents | "Parse" >> ParseEntries()
    identified = parsed.entries | "Identify" >> IdentifyEntries(
        days, bounded, seeds, earliest_first
    )
    new = identified.identified
    if settings.fetch_pages:
        new = new | "Fetch" >> FetchPages(allow_private=settings.allow_private_hosts)
    # Elsewhere an engine has workers enough to keep every core busy with pages.
    processes = None if settings.runner in LOCAL_RUNNERS else 0
    extracted = new | "Extract" >> ExtractArticles(processes)
    as_of = settings.as_of if stored else None
    normalised = extracted.extractions | "Normalise" >> NormaliseArticles(stored, days, as_of)
    rejected = (read.rejected, parsed.rejected, extracted.rejected, normalised.rejected)
    readings = (read.readings, parsed.readings)
    return Upto(normalised.articles, identified.repeats, identified.sightings, readings, rejected)


def compare(read: Read, settings: Settings, model: ModelFiles, mode: Mode = ONCE) -> Upto:
    """Wire the stages from documents to compared articles.

    Raises:
        ModelError: this machine is to run the model, and cannot as asked.
    """
    upto = normalise(read, settings, mode)
    embedded = upto.articles | "Embed" >> _embed(settings, mode)
    return upto._replace(articles=embedded | "Dedupe" >> _compare(settings, model, mode))


def build(read: Read, settings: Settings, model: ModelFiles, mode: Mode = ONCE) -> Detected:
    """Wire all stages from documents to events; the records hold no more than is to be stored.

    Raises:
        ModelError: this machine is to run the model, and cannot as asked.
    """
    cluster = _cluster(settings, model, mode)
    clustered: Clustered
    if mode.bounded and settings.partitions == 1 and _in_one_process(settings, read):
        upto = normalise(read, settings, mode, earliest_first=True)
        clustered = upto.articles | "EmbedDedupeCluster" >> EmbedCompareCluster(
            _embed(settings, mode), _compare(settings, model, mode), cluster
        )
    else:
        upto = compare(read, settings, model, mode)
        clustered = upto.articles | "Cluster" >> cluster
    scored = clustered.events | "Score" >> ScoreEvents(
        settings.window_days, mode.bounded, mode.seeds
    )
    detected = Detected(
        clustered.assignments,
        clustered.moved,
        clustered.notices,
        scored.events,
        scored.changes,
        upto.repeats,
        upto.sightings,
        read.attempts,
        upto.readings,
        upto.rejected,
    )
    return detected if settings.store_text == FULL else _trimmed(detected, settings.store_text)


def _trimmed(detected: Detected, store_text: str) -> Detected:
    """Trim what holds text, once for whoever writes it."""

    def keep(name: str, record: type, records: beam.PCollection) -> beam.PCollection:
        return records | f"KeepText{name}" >> KeepText(record, store_text)

    return detected._replace(
        assignments=keep("Assignments", Assignment, detected.assignments),
        events=keep("Events", Event, detected.events),
        readings=tuple(
            keep(f"Readings{stage}", Reading, readings)
            for stage, readings in zip(("Read", "Parse"), detected.readings)
        ),
        rejected=tuple(
            keep(f"Rejected{stage}", Rejected, rejected)
            for stage, rejected in zip(REJECTING, detected.rejected)
        ),
    )


def _in_one_process(settings: Settings, read: Read) -> bool:
    return settings.runner in LOCAL_RUNNERS and processes_of(read.documents.pipeline) == 1


def _alone(settings: Settings, records: beam.PCollection) -> bool:
    workers = records.pipeline.options.view_as(DirectOptions).direct_num_workers
    return settings.runner in LOCAL_RUNNERS and bool(workers == 1)


def _embed(settings: Settings, mode: Mode) -> EmbedArticles:
    if settings.runner in LOCAL_RUNNERS:
        choose(settings.encoder, settings.encoder_precision)  # to be told before the run
    return EmbedArticles(
        settings.model,
        settings.max_tokens,
        bounded=mode.bounded,
        backend=settings.encoder,
        precision=settings.encoder_precision,
    )


def _compare(settings: Settings, model: ModelFiles, mode: Mode) -> CompareArticles:
    return CompareArticles(
        model.dim,
        settings.window_days,
        partitions=settings.partitions,
        bounded=mode.bounded,
        seeds=mode.seeds,
    )


def _cluster(settings: Settings, model: ModelFiles, mode: Mode) -> ClusterArticles:
    return ClusterArticles(
        model.model_id,
        settings.window_days,
        settings.granularity,
        settings.cross_language,
        mode.bounded,
        mode.seeds,
    )


def write(detected: Detected, settings: Settings, dim: int) -> beam.PCollection[str]:
    """Write every table of a bounded run; returns the relative paths of the files."""
    of_stages = _tables(detected)
    # Where a worker is alone, all records of a stage are made in one bundle; these at the end.
    at_the_end = ("articles", "event_articles", "events", "event_changes")
    in_place = at_the_end if _alone(settings, detected.events) else ()
    tables = {
        **of_stages,
        "dead_letters": detected.rejected | "Rejected" >> beam.Flatten(),
        "fetch_log": _fetches(detected),
        "alerts": detected.events.pipeline
        | "NoAlerts" >> beam.Create([]).with_output_types(Alert),  # a run that ends sends none
    }
    written: beam.PCollection[str] = tables | WriteTables(settings.output, dim, in_place)
    return written


def append(
    detected: Detected,
    appender: Appender,
    settings: Settings,
    bounded: bool,
    number: int = 0,
    fetches: beam.PCollection[Fetch] | None = None,
) -> None:
    """Append every record to its table of a dataset; what is refused becomes a dead letter.

    Args:
        number: the round that all rows are of.
        fetches: what came of requests for feeds; for a run that ends it is found out here.
    """
    tables = _tables(detected) | {
        MOVED: detected.moved,
        "fetch_log": _fetches(detected) if fetches is None else fetches,
    }
    refused = [
        records | AppendTable(name, appender, bounded, number) for name, records in tables.items()
    ]
    trimmed = refused | "Refused" >> beam.Flatten() | KeepText(Rejected, settings.store_text)
    letters = (*detected.rejected, trimmed) | "Rejected" >> beam.Flatten()
    again = letters | AppendTable("dead_letters", appender, bounded, number)
    _ = again | "RefuseLetters" >> beam.Map(_refused_letter)


def _refused_letter(letter: Rejected) -> None:
    raise OutputError(f"a dead letter could not be written: {letter.key}: {letter.error}")


def _fetches(detected: Detected) -> beam.PCollection[Fetch]:
    fetches: beam.PCollection[Fetch] = detected.attempts | LogFetches(detected.readings)
    return fetches


def collect(detected: Detected, rounds: str) -> None:
    """Hand every record to the ``Rounds`` registered under that name.

    Without a Flatten: in an in-process engine nothing would come out of it before the end.
    """
    for name, records in _tables(detected).items():
        _ = records | CollectRows(name, rounds)
    _ = detected.moved | CollectRows(MOVED, rounds)
    for stage, readings in zip(("Read", "Parse"), detected.readings):
        _ = readings | f"CollectReadings{stage}" >> CollectRows(READINGS, rounds)
    for stage, rejected in zip(REJECTING, detected.rejected):
        _ = rejected | f"CollectRejected{stage}" >> CollectRows("dead_letters", rounds)


def _tables(detected: Detected) -> dict[str, beam.PCollection]:
    return {
        "articles": detected.assignments,
        "events": detected.events,
        "event_articles": detected.assignments,
        "event_changes": detected.changes,
        "sightings": detected.sightings,
        "article_notices": detected.notices,
    }

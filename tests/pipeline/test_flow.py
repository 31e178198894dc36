"""The wiring: the stages in their order, and nothing but the plain composition of their cores."""

import random
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import transforms
from pipelines.engine import Collected, new_pipeline, run
from pipelines.flow import Sources, build, compare, read_once, write
from pipelines.options import parse_settings
from schemas import Document, Identified
from transforms._shared.ordering import decision_order
from transforms._shared.rejects import RejectError
from transforms.cluster.event_index import EventIndex
from transforms.cluster.join_model import ANY_MODEL, load_join_model
from transforms.cluster.terms import background_frequencies
from transforms.dedupe.duplicate_index import DuplicateIndex
from transforms.embed.ahead import embed_ahead
from transforms.embed.encoder import load_encoder
from transforms.embed.model import resolve_model
from transforms.extract.extraction import extract_article
from transforms.identify.order import reading_order
from transforms.identify.seen import SeenIndex
from transforms.normalise.article import normalise_article
from transforms.normalise.language import LanguageDetector
from transforms.parse.document import parse_document
from transforms.parse.found import MAX_ENTRIES
from transforms.read.feed_list import feed_sources
from transforms.read.files import match
from transforms.read.origin import Limits
from transforms.read.reader import Reader
from transforms.score.event import score_event
from transforms.write.parquet import ParquetFolder
from transforms.write.rows import ROW_SOURCES

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "data" / "demo"


@pytest.fixture(scope="module")
def settings(demo_arguments):
    return parse_settings([*demo_arguments, "--output", "unused"])


@pytest.fixture(scope="module")
def sources(settings):
    feeds = [source for argument in settings.feeds for source in feed_sources(argument)]
    return Sources(tuple(match(settings.inputs)), tuple(feeds))


def stages_of(pipeline):
    """Name the stages of a pipeline in the order they were applied, each once."""
    steps = [type(step.transform).__name__ for step in pipeline.transforms_stack[0].parts]
    return list(dict.fromkeys(step for step in steps if step in transforms.__all__))


def stages_in_readme():
    text = (ROOT / "transforms" / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)` \|", text, flags=re.M)


def test_stages_are_wired_in_the_order_they_are_described(settings, sources):
    settings = replace(settings, fetch_pages=True, runner="FlinkRunner")
    model = resolve_model(settings.model)
    pipeline = new_pipeline("DirectRunner", ())
    write(build(read_once(pipeline, sources, settings), settings, model), settings, model.dim)
    assert stages_of(pipeline) == transforms.__all__
    of = {name: getattr(transforms, name).__module__.split(".")[1] for name in transforms.__all__}
    assert [of[name] for name in stages_of(pipeline)] == stages_in_readme()


@pytest.mark.parametrize(
    ("changed", "beam_args", "at_once"),
    [
        ({}, (), True),
        ({}, ("--direct_running_mode=multi_threading", "--direct_num_workers=2"), True),
        ({}, ("--direct_running_mode=multi_processing", "--direct_num_workers=2"), False),
        ({"partitions": 2}, (), False),
        ({"runner": "DataflowRunner"}, (), False),
    ],
)
def test_one_process_embeds_and_decides_at_the_same_time(
    changed, beam_args, at_once, settings, sources
):
    settings = replace(settings, **changed)
    pipeline = new_pipeline("DirectRunner", beam_args)
    build(read_once(pipeline, sources, settings), settings, resolve_model(settings.model))
    steps = [step.full_label for step in pipeline.transforms_stack[0].parts]
    assert ("EmbedDedupeCluster" in steps, "Embed" in steps) == (at_once, not at_once)


@pytest.mark.parametrize(
    ("runner", "beam_args", "in_place"),
    [
        ("DirectRunner", (), True),
        ("DirectRunner", ("--direct_num_workers=2",), False),
        ("DataflowRunner", (), False),
    ],
)
def test_a_worker_that_is_alone_writes_records_where_they_are_made(
    runner, beam_args, in_place, settings, sources
):
    settings = replace(settings, runner=runner)
    pipeline, model = new_pipeline("DirectRunner", beam_args), resolve_model(settings.model)
    write(build(read_once(pipeline, sources, settings), settings, model), settings, model.dim)
    (tables,) = (p for p in pipeline.transforms_stack[0].parts if p.full_label == "WriteTables")
    steps = {step.full_label for step in tables.parts}
    assert ("WriteTables/WriteArticlesEventArticles" in steps) == in_place
    assert ("WriteTables/KeyArticlesEventArticles" in steps) != in_place
    assert "WriteTables/KeyDeadLetters" in steps  # they may share their key


def test_comparing_is_the_same_flow_up_to_dedupe(settings, sources):
    settings = replace(settings, fetch_pages=True)
    pipeline = new_pipeline(settings.runner, ())
    compare(read_once(pipeline, sources, settings), settings, resolve_model(settings.model))
    upto = transforms.__all__.index("CompareArticles") + 1
    assert stages_of(pipeline) == transforms.__all__[:upto]


def test_building_touches_neither_sources_nor_output(settings, tmp_path):
    missing = Sources((str(tmp_path / "missing.txt"),), ("http://127.0.0.1:9/feed",))
    settings = replace(settings, output=str(tmp_path / "out"))
    pipeline = new_pipeline(settings.runner, ())
    model = resolve_model(settings.model)
    write(build(read_once(pipeline, missing, settings), settings, model), settings, model.dim)
    assert not list(tmp_path.iterdir())


def never():
    raise AssertionError("files say themselves when they were received")


def entries_of(sources):
    reader = Reader(None, never, Limits(), frozenset(sources.feeds))
    for source in (*sources.files, *sources.feeds):
        for item in reader.read(source):
            if isinstance(item, Document):
                try:
                    yield from parse_document(item, MAX_ENTRIES).entries
                except RejectError:
                    continue


def embedded(articles, settings):
    encoder = load_encoder(
        settings.model, settings.max_tokens, precision=settings.encoder_precision
    )
    ordered = sorted(articles, key=decision_order)
    return (done for done, _ in embed_ahead(ordered, encoder, settings.max_tokens))


def moved(assignment, move):
    """Give the assignment as it is after some articles went from one event to another."""
    article = assignment.compared.embedded.article.article_id
    return move.apply(assignment) if article in move.article_ids else assignment


def compose(sources, settings):
    """Run the cores one after another, without Beam; give assignments, events and changes."""
    window, model = timedelta(days=settings.window_days), resolve_model(settings.model)
    seen, languages = SeenIndex(None), LanguageDetector()
    duplicates = DuplicateIndex(model.dim, window)
    index = EventIndex(
        load_join_model(model.model_id),
        background_frequencies(),
        model.model_id,
        window,
        unread_model=load_join_model(ANY_MODEL),
    )
    decisions = [seen.identify(e) for e in sorted(entries_of(sources), key=reading_order)]
    articles = [
        normalise_article(extract_article(decision), languages, max_delay=None)
        for decision in decisions
        if isinstance(decision, Identified)
    ]
    assignments, states = [], []
    for item in embedded(articles, settings):
        assignments.append(index.assign(duplicates.assign(item)))
        states += index.retired()
        for move in index.moves():
            assignments = [moved(assignment, move) for assignment in assignments]
    states += index.states()
    scored = [score_event(state, window) for state in states]
    return (
        assignments,
        [event for event, _ in scored],
        [c for _, changes in scored for c in changes],
    )


@pytest.fixture(scope="module")
def composed(sources, settings):
    return compose(sources, settings)


def read_rows(folder, table):
    rows = pq.read_table(folder / table.name).to_pylist()
    return sorted(rows, key=lambda row: [row[column] for column in table.key])


@pytest.mark.parametrize("name", ["articles", "events", "event_articles", "event_changes"])
def test_tables_are_those_of_the_plain_composition(name, composed, demo, tmp_path):
    records = dict(zip(("articles", "events", "event_changes"), composed))
    records["event_articles"] = records["articles"]
    source = ROW_SOURCES[name]
    dim = len(demo.rows("articles")[0]["embedding"])
    ParquetFolder(tmp_path, source.table, dim).write(source.row(r) for r in records[name])
    assert read_rows(tmp_path, source.table) == read_rows(demo.path, source.table) != []


def by_id(assignments):
    articles = [(a.compared.embedded.article, a) for a in assignments]
    return {(article.article_id, article.revision): a for article, a in articles}


def records_of(sources, settings):
    pipeline = new_pipeline("DirectRunner", ())
    read = read_once(pipeline, sources, settings)
    detected = build(read, settings, resolve_model(settings.model))
    collected = [
        Collected(detected.assignments, "Assignments"),
        Collected(detected.events, "Events"),
        Collected(detected.changes, "Changes"),
    ]
    run(pipeline, show_progress=False)
    return [values.read() for values in collected]


def test_stage_by_stage_decides_the_same(composed, sources, settings):
    assignments, events, changes = records_of(sources, replace(settings, runner="FlinkRunner"))

    def decided(assignments):
        return {
            name: (one.event_id, one.role, one.compared.verdict, one.contested)
            for name, one in by_id(assignments).items()
        }

    def told(events):
        return {e.event_id: (e.title, e.summary, e.article_count, e.status) for e in events}

    def vectors(assignments):
        return {name: one.compared.embedded.embedding for name, one in by_id(assignments).items()}

    assert decided(assignments) == decided(composed[0]) != {}
    if load_encoder(settings.model, precision=settings.encoder_precision).steady:
        assert vectors(assignments) == vectors(composed[0])
    assert told(events) == told(composed[1]) != {}
    assert {c.id for c in changes} == {c.id for c in composed[2]} != set()


def test_shuffled_sources_give_the_records_of_the_plain_composition(composed, sources, settings):
    mixed = random.Random(7)
    shuffled = Sources(*(tuple(mixed.sample(part, len(part))) for part in sources))
    assert shuffled != sources
    assignments, events, changes = records_of(shuffled, settings)
    expected_assignments, expected_events, expected_changes = composed
    assert by_id(assignments) == by_id(expected_assignments) != {}
    assert {e.event_id: e for e in events} == {e.event_id: e for e in expected_events} != {}
    assert {c.id: c for c in changes} == {c.id: c for c in expected_changes} != {}
    assert [len(assignments), len(events), len(changes)] == [len(part) for part in composed]

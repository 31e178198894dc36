"""Records keep their class and their values on the way to any other process."""

import logging
import pickle
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from transforms._shared.records import RecordCoder, register_record_coders

ROOT = Path(__file__).parents[2]

register_record_coders()


def test_record_is_frozen(record_class):
    assert record_class.__dataclass_params__.frozen


def test_record_has_its_own_coder(record_class):
    assert isinstance(coders.registry.get_coder(record_class), RecordCoder)


def test_record_survives_its_coder(record_class, build_record):
    record = build_record(record_class)
    coder = coders.registry.get_coder(record_class)
    decoded = coder.decode(coder.encode(record))
    assert decoded == record
    assert type(decoded) is record_class


def test_coder_survives_the_way_to_a_worker(record_class, build_record):
    record = build_record(record_class)
    coder = coders.registry.get_coder(record_class)
    arrived = pickle.loads(pickle.dumps(coder))
    assert arrived == coder
    assert arrived.decode(coder.encode(record)) == record


@pytest.fixture
def worker_path(monkeypatch):
    """Let worker processes import this checkout, and keep their start-up talk out of the way."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    yield
    logging.getLogger("apache_beam").setLevel(logging.NOTSET)


def test_records_keep_their_class_in_worker_processes(
    all_record_classes, build_record, worker_path
):
    def describe(record):
        return f"{type(record).__module__}.{type(record).__qualname__}: {record}"

    options = PipelineOptions(
        runner="FnApiRunner", direct_running_mode="multi_processing", direct_num_workers=2
    )
    records = [build_record(item) for item in all_record_classes]
    with beam.Pipeline(options=options) as pipeline:
        described = [
            pipeline
            | f"Make{type(record).__name__}"
            >> beam.Create([record]).with_output_types(type(record))
            # A shuffle, for fused steps would hand over the object itself.
            | f"Ship{type(record).__name__}" >> beam.Reshuffle().with_output_types(type(record))
            | f"Describe{type(record).__name__}" >> beam.Map(describe).with_output_types(str)
            for record in records
        ]
        everything = described | beam.Flatten()
        assert_that(everything, equal_to([describe(record) for record in records]))

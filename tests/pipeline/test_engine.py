import gc
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from types import SimpleNamespace

import apache_beam as beam
import pytest
from apache_beam.metrics.execution import MetricKey, MetricResult
from apache_beam.metrics.metricbase import MetricName
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions
from apache_beam.runners.worker import statesampler

from pipelines.engine import Collected, counters_of, new_pipeline, run
from pipelines.options import UsageError
from transforms._shared.counts import count
from transforms.embed.backends import BackendError
from transforms.write.output import OutputError

ROOT = Path(__file__).parents[2]
ALONE = ()
WORKERS = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
MESSAGE = "cannot write out/events [1]: No space left on device: free some space: now"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder that temporary files go to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def counted(number):
    count("parse", "out", number)
    return number * number


def full(number):
    raise OutputError(MESSAGE)


def broken(number):
    raise KeyError(f"no {number}")


def numbers(pipeline):
    return pipeline | beam.Create([1, 2, 3])


def test_counters_come_by_stage_and_name():
    pipeline = new_pipeline("DirectRunner", ALONE)
    _ = numbers(pipeline) | beam.Map(counted)
    assert run(pipeline, show_progress=False) == {("parse", "out"): 6}


def sampling_period(_):
    count("parse", "milliseconds", statesampler.get_current_tracker().sampling_period_ms)


def test_a_stage_does_not_wait_at_its_end_for_the_thread_that_samples_it():
    def period():
        pipeline = new_pipeline("DirectRunner", ALONE)
        _ = pipeline | beam.Create([None]) | beam.Map(sampling_period)
        return pipeline

    assert run(period(), show_progress=False) == {("parse", "milliseconds"): 10}
    after = counters_of(period().run())  # any other pipeline keeps Beam's own
    assert after == {("parse", "milliseconds"): statesampler.DEFAULT_SAMPLING_PERIOD_MS}


def test_what_the_garbage_collector_was_kept_off_is_collected_at_the_end():
    program = (
        "import duckdb; from pipelines.engine import new_pipeline; new_pipeline('DirectRunner', ())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_the_garbage_collector_is_kept_off_modules_but_not_off_pipelines():
    new_pipeline("DirectRunner", ALONE)
    left_alone = gc.get_freeze_count()
    assert left_alone > 10_000
    pipeline = new_pipeline("DirectRunner", ALONE)
    _ = pipeline | beam.Create([1])
    run(pipeline, show_progress=False)
    gone = weakref.ref(pipeline)
    del pipeline, _
    gc.collect()
    assert gone() is None
    assert gc.get_freeze_count() <= left_alone


@pytest.mark.parametrize("beam_args", [ALONE, WORKERS], ids=["alone", "worker processes"])
def test_collected_values_are_those_of_the_run(beam_args, temporary):
    pipeline = new_pipeline("DirectRunner", beam_args)
    squares = Collected(numbers(pipeline) | beam.Map(counted), "Squares")
    empty = Collected(pipeline | "Nothing" >> beam.Create([]), "Empty")
    assert run(pipeline, show_progress=False) == {("parse", "out"): 6}
    assert (sorted(squares.read()), empty.read()) == ([1, 4, 9], [])
    assert sorted(squares.read()) == [1, 4, 9]
    del squares, empty, pipeline
    gc.collect()
    assert not list(temporary.iterdir())


def test_temporary_files_go_without_a_run(temporary):
    collected = Collected(numbers(new_pipeline("DirectRunner", ALONE)), "Numbers")
    assert list(temporary.glob("newsevents-*"))
    del collected
    gc.collect()
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("beam_args", "show_progress"),
    [(ALONE, False), (ALONE, True), (WORKERS, False)],
    ids=["alone", "with progress", "worker processes"],
)
def test_output_error_of_a_worker_comes_out_as_it_was_raised(beam_args, show_progress):
    pipeline = new_pipeline("DirectRunner", beam_args)
    _ = numbers(pipeline) | "Write" >> beam.Map(full)
    with pytest.raises(OutputError) as caught:
        run(pipeline, show_progress)
    assert str(caught.value) == MESSAGE


def unloadable(number):
    raise BackendError("model m: openvino cannot be used: use --encoder torch")


def test_model_error_of_a_stage_comes_out_as_it_was_raised():
    pipeline = new_pipeline("DirectRunner", ALONE)
    _ = numbers(pipeline) | "Embed" >> beam.Map(unloadable)
    with pytest.raises(
        BackendError, match=r"^model m: openvino cannot be used: use --encoder torch$"
    ):
        run(pipeline)


def test_views_of_options_are_made_once_and_share_what_is_set():
    options = new_pipeline("DirectRunner", ("--direct_num_workers=3",)).options
    view = options.view_as(DirectOptions)
    assert view.direct_num_workers == 3 and options.view_as(DirectOptions) is view
    view.direct_num_workers = 2
    assert options.view_as(DirectOptions).direct_num_workers == 2
    assert options.get_all_options()["direct_num_workers"] == 2
    options.view_as(StandardOptions).streaming = True
    assert view.view_as(StandardOptions).streaming is True


def interrupt(number):
    raise KeyboardInterrupt


def test_an_interrupt_in_a_stage_comes_out_as_one():
    pipeline = new_pipeline("DirectRunner", ALONE)
    _ = pipeline | beam.Create([1]) | beam.Map(interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(pipeline)


def test_bug_in_a_stage_is_not_dressed_up():
    pipeline = new_pipeline("DirectRunner", ALONE)
    _ = numbers(pipeline) | beam.Map(broken)
    with pytest.raises(KeyError, match="no 1"):
        run(pipeline, show_progress=False)


@pytest.mark.parametrize(
    ("runner", "beam_args", "words"),
    [
        ("Tortoise", (), "cannot use the runner Tortoise: Unexpected pipeline runner"),
        ("no.such.Runner", (), "cannot use the runner no.such.Runner"),
        ("DataflowRunner", (), "cannot use the runner DataflowRunner: .*(project|staging)"),
    ],
)
def test_runner_that_cannot_be_used_is_wrong_usage(runner, beam_args, words):
    with pytest.raises(UsageError, match=f"(?s){words}"):
        new_pipeline(runner, beam_args)


def test_direct_runner_is_the_in_process_one():
    assert type(new_pipeline("DirectRunner", ALONE).runner).__name__ == "FnApiRunner"


def test_collected_values_travel_through_the_folder_that_workers_share(tmp_path, temporary):
    shared = tmp_path / "shared"
    pipeline = new_pipeline("DirectRunner", (*WORKERS, f"--temp_location={shared}"))
    squares = Collected(numbers(pipeline) | beam.Map(counted), "Squares")
    run(pipeline, show_progress=False)
    assert [len(list(path.iterdir())) > 0 for path in shared.iterdir()] == [True]
    assert sorted(squares.read()) == [1, 4, 9]
    del squares, pipeline
    gc.collect()
    assert not list(shared.iterdir())


def test_values_that_stayed_with_the_workers_are_told(tmp_path):
    shared = tmp_path / "shared"
    pipeline = new_pipeline("DirectRunner", (f"--temp_location={shared}",))
    squares = Collected(numbers(pipeline), "Squares")
    run(pipeline, show_progress=False)
    for path in shared.rglob("*.pickles"):
        path.unlink()
    with pytest.raises(OutputError, match=r"3 of 3 results .* --temp_location a folder"):
        squares.read()


def test_what_a_failed_bundle_left_is_not_collected(tmp_path):
    shared = tmp_path / "shared"
    pipeline = new_pipeline("DirectRunner", (f"--temp_location={shared}",))
    collected = Collected(numbers(pipeline), "Numbers")
    run(pipeline, show_progress=False)
    (whole,) = shared.rglob("*.pickles")
    whole.with_name("cut").write_bytes(whole.read_bytes()[:-1])
    assert sorted(collected.read()) == [1, 2, 3]


def test_counters_that_were_only_attempted_count():
    """As from Flink, whose job server does not tell what was committed."""
    key = MetricKey("Parse", MetricName("parse", "out"))
    counters = [MetricResult(key, None, 2), MetricResult(key, 3, 5)]
    result = SimpleNamespace(metrics=lambda: SimpleNamespace(query=lambda: {"counters": counters}))
    assert counters_of(result) == {("parse", "out"): 5}


@pytest.mark.parametrize(
    ("runner", "beam_args", "words"),
    [
        ("PortableRunner", (), "You must specify a --job_endpoint"),
        ("FlinkRunner", ("--flink_job_server_jar=/no/such.jar",), 'Unable to parse jar URL "/no'),
    ],
)
def test_a_job_server_that_cannot_be_had_is_wrong_usage(runner, beam_args, words):
    pipeline = new_pipeline(runner, beam_args)
    _ = numbers(pipeline)
    with pytest.raises(UsageError, match=f"cannot hand the run to a job server: {words}"):
        run(pipeline, show_progress=False)


def test_a_folder_for_results_that_cannot_be_written_is_told(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    pipeline = new_pipeline("DirectRunner", (f"--temp_location={in_the_way}",))
    collected = Collected(numbers(pipeline), "Numbers")
    with pytest.raises(OutputError, match=r"cannot write .*/file/.*: choose another --temp_loc"):
        run(pipeline, show_progress=False)
    del collected

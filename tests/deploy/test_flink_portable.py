"""What a Flink cluster would get: the graph of a bounded run, with workers elsewhere."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.coders import Coder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2 as beam_api
from apache_beam.portability.common_urns import environments, primitives
from apache_beam.runners.pipeline_context import PipelineContext
from apache_beam.runners.portability.portable_runner import PortableRunner

from pipelines.detect_events import main
from pipelines.flow import Sources, build, read_once, write
from pipelines.options import parse_settings
from schemas.tables import TABLES
from transforms.embed.model import resolve_model

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "data" / "demo"
INPUT = ("--input", str(DEMO / "dropped" / "*"), "--feeds", str(DEMO / "feeds.txt"))
PORTABLE = ("--runner=PortableRunner", "--job_endpoint=embed")
POOL = "localhost:50000"
# What Flink's runner executes itself; all else must be made of these.
PRIMITIVES = {
    primitives.IMPULSE.urn,
    primitives.PAR_DO.urn,
    primitives.FLATTEN.urn,
    primitives.GROUP_BY_KEY.urn,
}


@pytest.fixture(scope="module")
def graph():
    """The graph of a bounded run, as a job server gets it."""
    settings = parse_settings(["--input", "in", "--output", "out", "--partitions", "3"])
    options = PipelineOptions(
        [*PORTABLE, "--environment_type=EXTERNAL", f"--environment_config={POOL}"]
    )
    pipeline = beam.Pipeline(options=options)
    model = resolve_model(settings.model)
    read = read_once(pipeline, Sources(("in/1.txt",), ("in/feed.xml",)), settings)
    write(build(read, settings, model), settings, model.dim)
    return PortableRunner.get_proto_pipeline(pipeline, options)


def steps(graph, urn):
    return [step for step in graph.components.transforms.values() if step.spec.urn == urn]


def test_every_step_runs_in_the_worker_pool(graph):
    assert [
        (each.urn, beam_api.ExternalPayload.FromString(each.payload).endpoint.url)
        for each in graph.components.environments.values()
    ] == [(environments.EXTERNAL.urn, POOL)]
    (name,) = graph.components.environments
    assert {step.environment_id for step in steps(graph, primitives.PAR_DO.urn)} == {name}


def test_the_graph_is_made_of_what_flink_executes(graph):
    leaves = {
        step.spec.urn
        for step in graph.components.transforms.values()
        if not step.subtransforms and step.outputs != step.inputs
    }
    assert leaves <= PRIMITIVES
    assert list(graph.requirements) == []


def test_what_is_grouped_by_has_one_encoding(graph):
    """Else the elements of one key could go to several workers."""
    context = PipelineContext(graph.components)
    grouped = steps(graph, primitives.GROUP_BY_KEY.urn)
    assert len(grouped) > 5
    for step in grouped:
        (collection,) = step.inputs.values()
        coder: Coder = context.coders.get_by_id(graph.components.pcollections[collection].coder_id)
        assert coder.key_coder().is_deterministic(), step.unique_name


def test_no_step_needs_the_process_that_submitted_it(graph):
    """Rows of a run in rounds are handed over in memory: a graph for workers elsewhere must not."""
    names = [step.unique_name for step in graph.components.transforms.values()]
    assert not [name for name in names if "Collect" in name]
    assert "WriteTables" in names


def tables(output):
    return {
        table.name: sorted(
            pq.read_table(output / table.name).to_pylist(),
            key=lambda row: [str(row[name]) for name in table.key],
        )
        for table in TABLES
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The tables of the demo from the runner of this process."""
    output = tmp_path_factory.mktemp("direct") / "out"
    as_elsewhere = "--encoder_precision=fp32"
    with pytest.MonkeyPatch.context() as patch:  # stage by stage, with the same batches
        patch.setattr("pipelines.flow._in_one_process", lambda settings, read: False)
        assert main([*INPUT, "--output", str(output), "--no-report", as_elsewhere]) == 0
    return tables(output)


@pytest.fixture
def pool():
    """Address of a worker pool in a process of its own, as beside a TaskManager."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts "python"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "apache_beam.runners.worker.worker_pool_main",
            f"--service_port={port}",
        ],
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    try:
        wait_for(port, process)
        yield f"localhost:{port}"
        process.terminate()  # not SIGINT, which a shell in the background has switched off
        process.wait(timeout=30)
    finally:
        with contextlib.suppress(ProcessLookupError):  # workers that outlived it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port, process, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, "the worker pool ended"
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError(f"no worker pool after {seconds} seconds")


def test_a_job_service_with_workers_in_this_process_gives_the_same_tables(expected, tmp_path):
    output = tmp_path / "out"
    arguments = [*INPUT, *PORTABLE, "--environment_type=LOOPBACK"]
    assert main([*arguments, "--output", str(output), "--no-report"]) == 0
    assert tables(output) == expected


def test_a_job_service_with_a_worker_pool_gives_the_same_tables(expected, pool, tmp_path, capsys):
    output, shared = tmp_path / "out", tmp_path / "shared"
    external = ["--environment_type=EXTERNAL", f"--environment_config={pool}"]
    arguments = [*INPUT, *PORTABLE, *external, f"--temp_location={shared}"]
    assert main([*arguments, "--output", str(output), "--no-report"]) == 0
    assert tables(output) == expected
    assert "44 articles + 2 repeats + 5 rejected" in capsys.readouterr().out
    assert list(shared.iterdir()) == []  # what was handed back is gone


def test_a_worker_that_cannot_write_ends_the_run_with_one_line(tmp_path, capsys):
    story = tmp_path / "story.txt"
    story.write_text("Old bridge closed\n\nThe old bridge is closed since noon.\n")
    (tmp_path / "file").touch()
    output = ["--output", str(tmp_path / "out"), "--no-report"]
    arguments = ["--input", str(story), *PORTABLE, "--environment_type=LOOPBACK"]
    assert main([*arguments, f"--temp_location={tmp_path / 'file'}", *output]) == 1
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"cannot write {tmp_path / 'file'}" in told
    assert told.endswith("Not a directory: choose another --temp_location")


def test_a_job_server_that_is_not_there_is_told_in_one_line(tmp_path, capsys):
    arguments = ["--runner=PortableRunner", "--job_endpoint=localhost:1", "--job_server_timeout=1"]
    output = ["--output", str(tmp_path / "out"), "--no-report"]
    assert main([*INPUT, *arguments, "--environment_type=LOOPBACK", *output]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert "cannot hand the run to a job server: no answer in time" in told

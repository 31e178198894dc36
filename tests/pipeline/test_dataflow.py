"""What Dataflow would get, without a cloud: the graphs, the staged package, a worker apart."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.pipeline_options import TestOptions as BeamTestOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipelines.dataset_run import dataset_pipeline
from pipelines.detect_events import main
from pipelines.engine import new_pipeline
from pipelines.flow import Mode, Sources, append, build, read_once
from pipelines.graph import describe_graph
from pipelines.options import parse_settings
from pipelines.outputs import appender_of
from pipelines.remote import remote_pipeline
from pipelines.resume import OutputSeeds
from transforms.embed.model import DEFAULT_MODEL, resolve_model
from transforms.write.bigquery.store import add_run
from transforms.write.bigquery.tables import prepare

ROOT = Path(__file__).parents[2]
IMAGE = "europe-docker.pkg.dev/news-local/newsevents/worker:1"
RELEASED = ROOT / "deploy" / "dataflow" / "graph.json"
RENAMED = ROOT / "deploy" / "dataflow" / "renamed_steps.json"
_BYTES, _TEXT = "beam:coder:bytes:v1", "beam:coder:string_utf8:v1"
# Equal values are encoded alike by these, so that a key means one key to every worker.
DETERMINISTIC = {_BYTES, _TEXT, "beam:coder:varint:v1", "beam:coder:sharded_key:v1",
                 "beam:coder:kv:v1", "beam:coder:tuple:v1", "beam:coder:nullable:v1"}  # fmt: skip
DROPPED = Sources(tuple(map(str, sorted((ROOT / "tests/data/demo/dropped").iterdir()))), ())
_WORKER = f"{sys.executable} -m apache_beam.runners.worker.sdk_worker_main"

pytestmark = [
    pytest.mark.dataflow,
    pytest.mark.bigquery,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def model():
    return resolve_model(DEFAULT_MODEL)


@pytest.fixture
def flags(bigquery):
    """What every job on Dataflow is given."""
    return [
        "--output", bigquery.output, "--runner", "DataflowRunner", "--region", "europe-west1",
        "--project", bigquery.dataset.project, "--temp_location", f"{bigquery.bucket}/temp",
        "--staging_location", f"{bigquery.bucket}/staging",
    ]  # fmt: skip


@pytest.fixture
def stream_settings(flags):
    return parse_settings([
        *flags, "--sdk_container_image", IMAGE, "--streaming", "--resume",
        "--pubsub_subscription", "projects/news-local/subscriptions/news",
        "--pubsub_topic", "projects/news-local/topics/changes",
    ])  # fmt: skip


@pytest.fixture
def stream_pipeline(stream_settings, model):
    seeds = OutputSeeds(stream_settings.output, 14.0, 0)
    return remote_pipeline(stream_settings, model, appender_of(stream_settings), seeds)


def translated(pipeline):
    """Let Dataflow's runner translate a graph without sending it; gives what it would send."""
    pipeline.options.view_as(BeamTestOptions).dry_run = True
    pipeline.run()
    return pipeline.runner.proto_pipeline


def primitives(proto):
    return [t for t in proto.components.transforms.values() if not t.subtransforms]


def urns(proto):
    return {step.spec.urn.split(":")[2] for step in primitives(proto)}


def assert_keys_are_deterministic(proto):
    from apache_beam.portability.api import beam_runner_api_pb2 as api

    parts, looked_at = proto.components, 0
    for step in primitives(proto):
        stateful = step.spec.urn == "beam:transform:pardo:v1" and _state_of(api, step)
        if step.spec.urn != "beam:transform:group_by_key:v1" and not stateful:
            continue
        if "/BigQueryBatchFileLoads/" in step.unique_name:
            continue  # Beam's own
        (source, *_) = step.inputs.values()
        coder = parts.coders[parts.pcollections[source].coder_id]
        key = parts.coders[coder.component_coder_ids[0]].spec.urn
        assert key in DETERMINISTIC, f"{step.unique_name}: keys are encoded by {key}"
        looked_at += 1
    assert looked_at


def _state_of(api, step):
    payload = api.ParDoPayload.FromString(step.spec.payload)
    return bool(payload.state_specs or payload.timer_family_specs)


def test_the_graph_of_a_stream_is_one_that_dataflow_takes(stream_pipeline):
    proto = translated(stream_pipeline)
    assert urns(proto) <= {"pardo", "flatten", "impulse", "pubsub_read", "pubsub_write"}
    assert list(proto.requirements) == ["beam:requirement:pardo:stateful:v1"]
    (environment,) = proto.components.environments.values()
    assert environment.urn == "beam:env:docker:v1"
    assert IMAGE.encode() in environment.payload
    assert dict(environment.resource_hints) == {"beam:resources:min_ram_bytes:v1": b"8000000000"}
    assert_keys_are_deterministic(proto)
    assert not [s for s in primitives(proto) if "Reshuffle" in s.unique_name], "event times stay"
    assert len(proto.SerializeToString()) < 2**20


def test_a_graphics_card_asked_for_by_a_hint_gets_into_the_graph(flags, model):
    hint = "accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
    settings = parse_settings([
        *flags, "--sdk_container_image", IMAGE, "--feeds", "https://a.example/feed",
        f"--resource_hints={hint}", "--resource_hints=min_ram=16GB",
    ])  # fmt: skip
    sources = Sources((), ("https://a.example/feed",))
    proto = translated(dataset_pipeline(settings, sources, model, appender_of(settings)))
    (environment,) = proto.components.environments.values()
    hints = environment.resource_hints
    assert hints["beam:resources:min_ram_bytes:v1"] == b"16000000000"
    assert hint.removeprefix("accelerator=").encode() in hints["beam:resources:accelerator:v1"]


@pytest.mark.parametrize("method", ["file_loads", "storage_write"])
def test_the_graph_of_a_run_that_ends_is_one_that_dataflow_takes(flags, model, method):
    settings = parse_settings([
        *flags, "--sdk_container_image", IMAGE, "--feeds", "https://a.example/feed",
        "--bigquery_method", method,
    ])  # fmt: skip
    sources = Sources((), ("https://a.example/feed",))
    proto = translated(dataset_pipeline(settings, sources, model, appender_of(settings)))
    assert urns(proto) <= {"pardo", "flatten", "impulse", "group_by_key", "window_into"}
    (environment,) = proto.components.environments.values()
    assert environment.urn == "beam:env:docker:v1"
    assert_keys_are_deterministic(proto)
    assert len(proto.SerializeToString()) < 10 * 2**20, "a job request may have 20 MB"


def test_the_steps_are_shown_without_asking_any_cloud(flags, monkeypatch, capsys):
    from apache_beam.io.gcp import gcsio

    def asked(*_, **__):
        raise AssertionError("Cloud Storage was asked")

    monkeypatch.setattr(gcsio, "GcsIO", asked)
    stream = ["--streaming", "--pubsub_subscription", "projects/news-local/subscriptions/news"]
    for source in (stream, ["--feeds", "https://a.example/feed"]):
        assert main([*flags, "--sdk_container_image", IMAGE, *source, "--dry_run"]) == 0
        assert "AppendArticles" in capsys.readouterr().out


def test_files_of_this_machine_are_refused_for_workers_elsewhere(flags, capsys):
    text = str(ROOT / "README.md")
    assert main([*flags, "--sdk_container_image", IMAGE, "--input", text]) == 2
    assert "lies on this machine" in capsys.readouterr().err


def test_a_job_without_our_code_is_refused(flags, capsys):
    assert main([*flags, "--feeds", "https://a.example/feed"]) == 2
    assert "--sdk_container_image" in capsys.readouterr().err


def test_the_graph_that_dataflow_would_get_runs_with_a_worker_apart(bigquery, flags, model):
    settings = parse_settings([
        *flags, "--sdk_container_image", IMAGE, "--input", "*",
        "--bigquery_method", "storage_write",
    ])  # fmt: skip
    appender = appender_of(settings)
    prepare(appender.dataset)
    run_apart(translated(dataset_pipeline(settings, DROPPED, model, appender)))
    add_run(appender, 0, {"rounds": 0})
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 20
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.dead_letters`") == 3
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.events_latest` WHERE status = 'active'") == 9


def test_state_of_a_stream_is_kept_by_a_worker_apart(bigquery, model):
    settings = parse_settings(["--output", bigquery.output, "--input", "*", "--streaming"])
    appender = appender_of(settings)
    prepare(appender.dataset)
    pipeline = new_pipeline("DirectRunner", ())
    read = read_once(pipeline, DROPPED, settings)
    detected = build(read, settings, model, Mode(bounded=False, stored=False))
    append(detected, appender, settings, bounded=True)
    run_apart(pipeline.to_runner_api())
    add_run(appender, 0, {"rounds": 0})
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.articles`") == 20
    assert bigquery.one("SELECT COUNT(*) FROM `{d}.events_latest` WHERE status = 'active'") == 9


def run_apart(proto):
    """Run a graph with its code in a worker process of its own."""
    apart = SubprocessSDKEnvironment(command_string=_WORKER).to_runner_api(None)
    for environment in proto.components.environments.values():
        environment.CopyFrom(apart)
    result = FnApiRunner().run_via_runner_api(proto, PipelineOptions([]))
    assert result.wait_until_finish() == "DONE"


def test_the_job_is_complete_and_its_package_installs(bigquery, flags, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    template = tmp_path / "job.json"
    subscription = "projects/news-local/subscriptions/news"
    arguments = [*flags, "--setup_file", "./setup.py", "--streaming", "--pubsub_subscription",
                 subscription, f"--template_location={template}"]  # fmt: skip
    assert main(arguments) == 0
    job = json.loads(template.read_text())
    assert {"use_runner_v2", "enable_streaming_engine"} <= {*job["environment"]["experiments"]}
    assert job["type"] == "JOB_TYPE_STREAMING"
    staged = staged_files(bigquery, tmp_path)
    assert {"pipeline.pb", "workflow.tar.gz"} <= staged.keys()
    python = installed(staged["workflow.tar.gz"], tmp_path / "environment")
    program = (
        "import pipelines.flow, transforms.write.transform as t, transforms.cluster as c, pathlib;"
        "from transforms.write.bigquery.tables import views; from transforms.write.bigquery.dataset"
        " import Dataset; print(len(views(Dataset('abcdef', 'x'))));"
        "print(len(list(pathlib.Path(c.__file__).parent.glob('*.json'))), t.__file__)"
    )
    done = subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    count, rest = done.stdout.splitlines()
    assert int(count) == 5
    assert int(rest.split()[0]) >= 1
    assert str(tmp_path) in rest


def staged_files(bigquery, folder):
    """Fetch what was staged, by file name."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client(bigquery.dataset.project, AnonymousCredentials())
    found = {}
    for blob in client.list_blobs(bigquery.bucket.split("/")[2]):
        name = blob.name.rpartition("/")[2]
        found[name] = folder / name
        blob.download_to_filename(found[name])
    return found


def installed(package, folder):
    """Install a package alone into a new environment that finds what it needs in ours."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet"]
    alone = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*pip, "wheel", *alone, package], check=True)
    (wheel,) = folder.glob("newsevents-*.whl")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True)
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (own,) = (folder / "lib").glob("*/site-packages")
    (own / "ours.pth").write_text(f"{ours}\n")
    return python


def test_a_running_job_can_be_replaced(stream_pipeline):
    released = json.loads(RELEASED.read_text())
    renamed = json.loads(RENAMED.read_text())
    now = describe_graph(stream_pipeline.to_runner_api())
    fix = (
        "a running job cannot be replaced by this: name the step anew in renamed_steps.json, or "
        "have jobs drained and begun again with --resume, and say so in CHANGELOG; then write "
        "graph.json anew (see the end of this file)"
    )
    for name, told in released["steps"].items():
        step = renamed.get(name, name)
        assert step in now["steps"], f"{name} is gone: {fix}"
        assert now["steps"][step] == told, f"{step} takes or keeps other records: {fix}"
    for record, fields in released["records"].items():
        assert now["records"][record] == fields, f"{record} has another form: {fix}"


def test_the_graph_of_the_release_is_written_down(stream_pipeline):
    if os.environ.get("WRITE_GRAPH"):  # to write it anew
        text = json.dumps(describe_graph(stream_pipeline.to_runner_api()), indent=1)
        RELEASED.write_text(f"{text}\n")
    assert describe_graph(stream_pipeline.to_runner_api()) == json.loads(RELEASED.read_text())

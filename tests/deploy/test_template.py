"""The Flex Template's metadata: every option of the command, and the way back to its flags."""

import argparse
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines import template
from pipelines.options import UsageError, build_parser, parse_settings, refuse_unknown
from pipelines.remote import _job_of

PARAMETERS = {p["name"]: p for p in template.metadata()["parameters"]}
FIELDS = {
    "name", "label", "helpText", "isOptional", "paramType", "regexes", "defaultValue",
    "enumOptions",
}  # fmt: skip

GOOD_AND_BAD = {
    "output": (
        ["bigquery:my-project.news", "bigquery:example.com:my-project.news_2"],
        ["out/demo", "bigquery:my-project", "bigquery:my-project.news.articles", "bigquery:P.x y"],
    ),
    "pubsub_subscription": (
        ["projects/my-project/subscriptions/newsevents-items"],
        ["newsevents-items", "projects/my-project/topics/x", "projects/p/subscriptions/abc/d"],
    ),
    "pubsub_topic": (
        ["projects/my-project/topics/newsevents-events"],
        ["projects/my-project/subscriptions/newsevents", "projects/my-project/topics/"],
    ),
    "sdk_container_image": (
        [
            "europe-docker.pkg.dev/p/newsevents/worker:0.1.0",
            "localhost:5000/a/b@sha256:" + "0" * 64,
        ],
        ["worker", "europe-docker.pkg.dev/p/newsevents/worker", "a/b:c d"],
    ),
    "dataflow_service_options": (
        ["enable_dynamic_thread_scaling", "min_num_workers=1,enable_dynamic_thread_scaling"],
        ["Enable", "a=b,,c", "a b", "=1"],
    ),
    "resource_hints": (
        ["min_ram=8GB", "min_ram=8GB accelerator=type:nvidia-l4;count:1;install-nvidia-driver"],
        ["8GB", "min_ram= 8GB", "min_ram"],
    ),
    "number_of_worker_harness_threads": (["1", "12"], ["0", "x", "1000"]),
    "disk_size_gb": (["50"], ["5", "x", "50GB"]),
    "default_sdk_harness_log_level": (["INFO"], ["info", "LOUD"]),
    "update_compatibility_version": (["2.77.0"], ["2.77", "v2.77.0"]),
}
BY_READER = {
    "_positive_int": (["1", "512"], ["0", "-1", "1.5", "many"]),
    "positive_float": (["0.5", "14", "0.05"], ["0", "0.0", "-1", "nan", "inf", "1e3"]),
}


def cases(name):
    """Give good and bad values of a parameter, from what kind it is where none are listed."""
    parameter = PARAMETERS[name]
    if name in GOOD_AND_BAD:
        return GOOD_AND_BAD[name]
    if parameter["paramType"] == "BOOLEAN":
        return ["true", "false"], ["yes", "True", "1", ""]
    if parameter["paramType"] == "ENUM":
        return [option["value"] for option in parameter["enumOptions"]], ["", "other"]
    reader = next((a.type for a in build_parser()._actions if a.dest == name), None)
    return BY_READER[reader.__name__] if reader else (["anything"], ["", "two\nlines"])


def fits(parameter, value):
    return all(re.search(pattern, value) for pattern in parameter["regexes"])


def switches():
    return {**template._switches(template._beam_parser()), **template._switches(build_parser())}


def test_the_file_is_what_the_generator_gives_so_make_it_anew_when_an_option_changes(metadata):
    assert metadata == template.metadata(), (
        "write it with: python -m pipelines.template > deploy/dataflow/metadata.json"
    )


def test_every_option_is_a_parameter_or_left_out_for_a_reason():
    ours = {a.dest for a in build_parser()._actions}
    assert ours - PARAMETERS.keys() == template.LEFT_OUT.keys()
    for reason in template.LEFT_OUT.values():
        assert re.match("refused|no effect|no job|given by the launcher|ends the command", reason)


OF_EVERY_JOB = [
    "--streaming", "--pubsub_subscription=projects/my-project/subscriptions/newsevents-items",
    "--output=bigquery:my-project.newsevents",
]  # fmt: skip
REFUSED = {
    "input": "x", "feeds": "https://a.example/f", "poll_seconds": "5", "poll_bounds": "5m:6h",
    "metrics_port": "0", "alerts": "x.toml", "partitions": "2",
}  # fmt: skip


def test_what_is_left_out_as_refused_is_listed_here():
    refused = {n for n, reason in template.LEFT_OUT.items() if reason.startswith("refused")}
    assert refused == REFUSED.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_the_command_refuses_what_is_left_out_as_refused(name):
    with pytest.raises(UsageError):
        parse_settings([*OF_EVERY_JOB, f"--{name}={REFUSED[name]}"])


def test_what_is_left_out_as_without_effect_is_not_looked_at_by_a_job_of_messages():
    """The modules that such a job goes through read no such setting."""
    root = Path(__file__).parents[2]
    names = [n for n, reason in template.LEFT_OUT.items() if reason.startswith("no effect")]
    assert names == ["max_file_mb", "fetch_timeout_seconds", "report", "limit"]
    job = (root / "pipelines/remote.py").read_text()
    assert not re.search(rf"settings\.({'|'.join(names)})\b", job)
    build = (root / "pipelines/flow.py").read_text().partition("\ndef compare(")[2]
    assert build and not re.search(rf"settings\.({'|'.join(names)})\b", build)


def test_nothing_but_a_stream_of_messages_is_a_template(capsys):
    flags = ["--runner=DataflowRunner", "--feeds=https://a.example/f", OF_EVERY_JOB[2]]
    assert template.launch([*flags, "--streaming=true"]) == 2
    assert "let it read --pubsub_subscription" in capsys.readouterr().err
    needed = {name for name, parameter in PARAMETERS.items() if not parameter["isOptional"]}
    assert needed == {"output", "streaming", "pubsub_subscription"}


def test_the_help_of_output_says_the_form_that_its_pattern_takes():
    text = PARAMETERS["output"]["helpText"]
    assert "bigquery:PROJECT.DATASET" in text and "Folder" not in text


def test_the_service_reads_the_metadata_as_we_mean_it(metadata):
    dataflow = pytest.importorskip("google.cloud.dataflow_v1beta3")
    read = dataflow.TemplateMetadata.from_json(json.dumps(metadata))
    assert read.streaming
    assert len(read.parameters) == len(PARAMETERS)
    known = set(dataflow.ParameterType.__members__)
    assert {p["paramType"] for p in metadata["parameters"]} <= known
    assert {key for p in metadata["parameters"] for key in p} <= FIELDS


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_takes_good_values_and_refuses_bad_ones(name):
    good, bad = cases(name)
    for value in good:
        assert fits(PARAMETERS[name], value), value
    for value in bad:
        assert not fits(PARAMETERS[name], value), value


@pytest.mark.parametrize("name", PARAMETERS)
def test_what_a_parameter_takes_is_what_the_command_takes(name):
    for value in cases(name)[0]:
        given = list(template.flags([f"--{name}={value}"], switches()))
        if name in {a.dest for a in build_parser()._actions}:
            needed = [] if name == "output" else ["--output=x"]
            parsed, rest = build_parser().parse_known_args([*needed, *given])
            assert not rest
            if PARAMETERS[name]["paramType"] == "BOOLEAN":
                assert getattr(parsed, name) == (value == "true")
        else:
            refuse_unknown(given)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_default_is_one_of_the_good_values(name):
    default = PARAMETERS[name].get("defaultValue")
    assert default is None or fits(PARAMETERS[name], default)


def test_patterns_hold_from_end_to_end_and_are_plain_enough_for_other_engines():
    for parameter in PARAMETERS.values():
        for pattern in parameter["regexes"]:
            assert pattern[0] == "^" and pattern[-1] == "$"
            assert "(?" not in pattern  # no looking ahead, and no more repeats than RE2 allows
            assert all(int(most) <= 1000 for most in re.findall(r",(\d+)\}", pattern))
            assert not re.search(pattern, "a\nb")


def test_help_texts_are_sentences():
    for parameter in PARAMETERS.values():
        assert re.fullmatch(r"[^a-z].*\.", parameter["helpText"], re.S), parameter["helpText"]
        assert "%(" not in parameter["helpText"]


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("--streaming=true", ["--streaming"]),
        ("--streaming=false", []),
        ("--report=false", ["--no-report"]),
        ("--fetch_pages=True", ["--fetch_pages"]),
        ("--fetch_pages=false", ["--nofetch_pages"]),
        ("--use_public_ips=false", ["--no_use_public_ips"]),
        ("--update=true", ["--update"]),
        ("--resource_hints=a=8GB b=c;d:1", ["--resource_hints=a=8GB", "--resource_hints=b=c;d:1"]),
        ("--pubsub_topic=", []),
        ("--experiments=a,b", ["--experiments=a,b"]),
        ("--runner=DataflowRunner", ["--runner=DataflowRunner"]),
        ("--streaming", ["--streaming"]),
    ],
)  # fmt: skip
def test_what_the_launcher_gives_becomes_flags(given, flags):
    assert list(template.flags([given], switches())) == flags


def test_beam_and_the_command_take_all_that_the_launcher_adds_itself():
    given = [
        "--project=my-project", "--region=europe-west1", "--job_name=newsevents",
        "--temp_location=gs://b/tmp", "--staging_location=gs://b/staging",
        "--template_location=gs://b/staging/template_launches/1/job_object",
        "--service_account_email=w@my-project.iam.gserviceaccount.com",
        "--num_workers=1", "--max_num_workers=4", "--machine_type=n2-standard-4",
        "--autoscaling_algorithm=THROUGHPUT_BASED", "--enable_streaming_engine=true",
        "--sdk_container_image=europe-docker.pkg.dev/p/newsevents/worker:0.1.0",
        "--experiments=use_runner_v2", "--labels=app=newsevents", "--subnetwork=regions/r/s/n",
        "--use_public_ips=false", "--dataflow_kms_key=k", "--update=true",
        '--transform_name_mapping={"a":"b"}', "--streaming=true", "--resume=true",
        "--output=bigquery:my-project.newsevents", "--runner=DataflowRunner",
    ]  # fmt: skip
    parsed, rest = build_parser().parse_known_args(list(template.flags(given, switches())))
    assert parsed.streaming and parsed.resume
    refuse_unknown(rest)


def test_the_launcher_starts_the_same_command(monkeypatch):
    seen = []
    monkeypatch.setattr("pipelines.detect_events.main", lambda argv: seen.append(argv) or 2)
    assert template.launch(["--streaming=true", "--output=bigquery:my-project.x"]) == 2
    assert seen == [["--streaming", "--output=bigquery:my-project.x"]]


def test_the_file_that_the_launcher_runs_is_where_the_image_says(dockerfile):
    path = re.search(r"FLEX_TEMPLATE_PYTHON_PY_FILE=(\S+)", dockerfile)[1]
    assert f"COPY deploy/dataflow/launch.py {path}\n" in dockerfile
    source = (Path(__file__).parents[2] / "deploy/dataflow/launch.py").read_text()
    assert "from pipelines.template import launch" in source


def test_printing_the_metadata_is_quick_and_whole(capsys):
    assert template.main() == 0
    assert json.loads(capsys.readouterr().out) == template.metadata()


def test_a_new_kind_of_option_has_a_pattern_of_some_kind():
    action = argparse.ArgumentParser().add_argument("--x", type=str)
    assert template._rule(action) == ("TEXT", r"^[^\r\n]+$")


def test_a_job_that_is_made_for_a_template_has_no_name_yet():
    assert _job_of(SimpleNamespace(job_id=lambda: "j-1")) == " as job j-1"


def test_a_run_that_ends_is_no_template(capsys):
    arguments = ["--feeds=https://a.example/f", "--output=bigquery:my-project.x"]
    assert template.launch([*arguments, "--template_location=gs://b/t"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("newsevents: a run that ends is no template")


def test_a_way_into_bigquery_that_is_refused_for_messages_is_not_offered():
    (method,) = (p for p in template.metadata()["parameters"] if p["name"] == "bigquery_method")
    offered = [option["value"] for option in method["enumOptions"]]
    given = ["--streaming", "--output", "bigquery:project.news", "--pubsub_subscription",
             "projects/project/subscriptions/news", "--bigquery_method"]  # fmt: skip
    assert [parse_settings([*given, one]).bigquery_method for one in offered] == offered
    with pytest.raises(UsageError, match="too slow for messages"):
        parse_settings([*given, "file_loads"])

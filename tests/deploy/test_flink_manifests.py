"""The manifests of deploy/flink agree with each other, with Beam and with the command."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
)

from pipelines.options import FLINK_OPTIONS, build_parser, parse_settings, refuse_unknown

FOLDER = Path(__file__).parents[2] / "deploy" / "flink"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
SHARED = "/shared"
NOT_OF_THE_JOB = ("kubernetes.", "taskmanager.", "high-availability.")


def documents(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [part for part in yaml.safe_load_all(text) if part]


@pytest.fixture(scope="module")
def manifests():
    """All objects by kind and name."""
    found = {}
    for name in FILES:
        for part in documents(name):
            meta = part.get("metadata", {})
            found[part["kind"], meta.get("name") or meta.get("generateName")] = part
    return found


@pytest.fixture
def cluster(manifests):
    return manifests["FlinkDeployment", "newsevents-flink"]["spec"]


@pytest.fixture
def server(manifests):
    return manifests["Deployment", "newsevents-job-server"]["spec"]["template"]


@pytest.fixture
def submit(manifests):
    return manifests["Job", "newsevents-detect-"]["spec"]["template"]


def container(pod, name):
    (found,) = (each for each in pod["containers"] if each["name"] == name)
    return found


def arguments(of):
    return dict(argument.lstrip("-").split("=", 1) for argument in of["args"] if "=" in argument)


@pytest.fixture
def pool(cluster):
    return container(cluster["taskManager"]["podTemplate"]["spec"], "python-workers")


@pytest.fixture
def command(submit):
    return container(submit["spec"], "detect")


def test_the_kustomization_names_every_file_but_the_run():
    (kustomization,) = documents("kustomization.yaml")
    named = {*kustomization["resources"], "kustomization.yaml", "submit.yaml"}
    assert named == set(FILES)
    assert documents("submit.yaml")[0]["metadata"]["namespace"] == kustomization["namespace"]
    assert documents("namespace.yaml")[0]["metadata"]["name"] == kustomization["namespace"]


def test_versions_are_those_of_the_pinned_beam(cluster, server):
    flink = re.fullmatch(r"v(\d+)_(\d+)", cluster["flinkVersion"])
    release = ".".join(flink.groups())
    assert release in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    assert cluster["image"] == f"flink:{release}"
    image = container(server["spec"], "job-server")["image"]
    assert image == f"apache/beam_flink{release}_job_server:{version('apache-beam')}"
    assert f"Flink {release}" in README
    assert f"Beam {version('apache-beam')}" in README


def test_the_graph_is_built_and_run_in_one_image(pool, command):
    """Else the workers could read another pickle than the command wrote."""
    assert pool["image"] == command["image"]
    assert pool["image"].endswith(f":{version('newsevents')}")
    assert pool["image"] in README


def test_a_worker_pool_is_where_the_command_says(pool, command):
    (port,) = (each["containerPort"] for each in pool["ports"])
    assert pool["args"] == ["--worker_pool"]
    assert port == 50000  # Beam's start program knows no other
    assert arguments(command)["environment_config"] == f"localhost:{port}"


def test_the_command_reaches_the_job_server(manifests, server, command):
    given, told = arguments(command), arguments(container(server["spec"], "job-server"))
    service = manifests["Service", "newsevents-job-server"]
    ports = {each["name"]: each["port"] for each in service["spec"]["ports"]}
    named = {
        each["name"]: each["containerPort"]
        for each in container(server["spec"], "job-server")["ports"]
    }
    assert (
        ports == named == {"jobs": int(told["job-port"]), "artifacts": int(told["artifact-port"])}
    )
    name = service["metadata"]["name"]
    assert given["job_endpoint"] == f"{name}:{ports['jobs']}"
    assert given["artifact_endpoint"] == f"{name}:{ports['artifacts']}"
    assert service["spec"]["selector"].items() <= server["metadata"]["labels"].items()


def test_the_job_server_reaches_flink(server, manifests):
    told = arguments(container(server["spec"], "job-server"))
    assert told["flink-master"] == "newsevents-flink-rest:8081"  # as the operator names it
    assert ("FlinkDeployment", "newsevents-flink") in manifests


def test_jobs_take_their_checkpoints_from_what_the_cluster_says(cluster, manifests):
    told = yaml.safe_load(manifests["ConfigMap", "newsevents-job-server"]["data"]["config.yaml"])
    said = cluster["flinkConfiguration"]
    assert told == {
        name: value for name, value in said.items() if not name.startswith(NOT_OF_THE_JOB)
    }
    for name in ("execution.checkpointing.dir", "execution.checkpointing.savepoint-dir"):
        assert told[name].startswith(f"file://{SHARED}/")


def test_all_see_the_shared_folder_under_one_path(cluster, server, submit, pool, command):
    main = container(cluster["podTemplate"]["spec"], "flink-main-container")
    for each in (main, pool, command, container(server["spec"], "job-server")):
        assert {"name": "shared", "mountPath": SHARED} in each["volumeMounts"], each["name"]
    claim = {"name": "shared", "persistentVolumeClaim": {"claimName": "newsevents-shared"}}
    for pod in (cluster["podTemplate"]["spec"], server["spec"], submit["spec"]):
        assert claim in pod["volumes"]
        assert pod["securityContext"] == {"fsGroup": 65532}


def test_the_pod_templates_are_joined_by_name(cluster):
    """By their places, the workers' container would be merged into Flink's own."""
    name = "kubernetes.operator.pod-template.merge-arrays-by-name"
    assert cluster["flinkConfiguration"][name] == "true"


def test_many_nodes_can_mount_it(manifests):
    claim = manifests["PersistentVolumeClaim", "newsevents-shared"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_command_is_one_that_is_accepted(command):
    settings = parse_settings(command["args"])
    refuse_unknown(settings.beam_args)
    assert command["command"] == ["python", "-m", "pipelines.detect_events"]
    for path in (settings.output, settings.inputs[0]):
        assert path.startswith(f"{SHARED}/")
    options = PipelineOptions(list(settings.beam_args))
    assert options.get_all_options()["temp_location"].startswith(f"{SHARED}/")
    assert options.view_as(PortableOptions).environment_type == "EXTERNAL"


def test_our_containers_run_as_nobody_in_particular(pool, command):
    for each in (pool, command):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
        }


def test_only_the_command_reaches_the_job_server_and_only_that_reaches_flink(
    manifests, server, submit
):
    """None of them asks who it is."""
    policy = manifests["NetworkPolicy", "newsevents-job-server"]["spec"]
    assert policy["podSelector"]["matchLabels"] == server["metadata"]["labels"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": submit["metadata"]["labels"]}}]
    flink = manifests["NetworkPolicy", "newsevents-flink"]["spec"]
    ours, others = flink["ingress"]
    assert ours["from"] == [{"podSelector": flink["podSelector"]}]
    assert others["ports"] == [{"port": 8081}]
    assert {"podSelector": policy["podSelector"]} in others["from"]


def flags_in_tables(text):
    rows = [line for line in text.splitlines() if line.startswith("| `--")]
    return {flag for row in rows for flag in re.findall(r"`--(\w+)", row.split("|")[1])}


def test_the_readme_tells_what_is_an_option_and_all_that_are_for_flink():
    told = flags_in_tables(README)
    ours = {name.lstrip("-") for each in build_parser()._actions for name in each.option_strings}
    assert told <= ours | PipelineOptions().get_all_options().keys() | set(FLINK_OPTIONS)
    assert set(FLINK_OPTIONS) <= told


def test_the_readme_says_plainly_that_it_was_not_run():
    assert "not yet run" in README.split("\n\n")[1]

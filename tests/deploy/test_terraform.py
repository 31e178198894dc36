"""The Terraform files: Terraform's own checks where it is to be had, and our rules everywhere."""

import importlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "deploy" / "dataflow" / "terraform"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf"))}
KNOWN = json.loads((HERE / "google-6.50.0.json").read_text(encoding="utf-8"))
META = {
    "count", "for_each", "depends_on", "provider", "lifecycle", "dynamic",
    "__is_block__", "__comments__", "__inline_comments__",
}  # fmt: skip
BASIC_ROLES = {"roles/owner", "roles/editor", "roles/viewer"}
TERRAFORM = shutil.which("terraform")

needs_terraform = pytest.mark.skipif(not TERRAFORM, reason="terraform is not on the PATH")


def plain(value):
    """Take the quotes off that the parser leaves on names and strings."""
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


PARSED = {name: plain(hcl2.loads(text)) for name, text in TEXTS.items()}


def named(kind, depth):
    """Give all blocks of a kind, by their names."""
    found = {}
    for file in PARSED.values():
        for block in file.get(kind, []):
            for first, rest in block.items():
                if depth == 1:
                    found[first] = rest
                else:
                    found.update({f"{first}.{second}": body for second, body in rest.items()})
    return found


RESOURCES = named("resource", 2)
VARIABLES = named("variable", 1)


def walk(value):
    """Give all that a block holds, strings and numbers."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "__comments__":
                yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)
    else:
        yield value


def problems(body, known, where):
    """Name what the provider would not take in a block."""
    for name in known:
        if known[name].get("required") and name not in body:
            yield f"{where}: {name} is missing"
    for name, value in body.items():
        if name in META:
            for block in value if name == "dynamic" else []:
                for inner, held in block.items():
                    yield from problems({inner: held["content"]}, {inner: known[inner]}, where)
        elif name not in known:
            yield f"{where}: {name} is unknown"
        elif "block" in known[name]:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    yield from problems(one, known[name]["block"], f"{where}.{name}")


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_has_what_its_provider_knows_and_wants(name):
    kind = name.partition(".")[0]
    assert kind in KNOWN
    assert list(problems(RESOURCES[name], KNOWN[kind]["arguments"], name)) == []
    beta = RESOURCES[name].get("provider") is not None
    assert beta == (KNOWN[kind]["provider"] == "google-beta")


def test_the_check_finds_a_missing_and_an_unknown_argument():
    known = KNOWN["google_pubsub_subscription"]["arguments"]
    assert list(problems({"name": "x", "ack_deadline": 1}, known, "s")) == [
        "s: topic is missing",
        "s: ack_deadline is unknown",
    ]


def test_every_reference_leads_somewhere():
    here = set(RESOURCES) | {f"var.{name}" for name in VARIABLES}
    here |= {f"data.{name}" for name in named("data", 2)}
    here |= {
        f"local.{key}" for file in PARSED.values() for b in file.get("locals", []) for key in b
    }
    pattern = r"\b(var\.\w+|local\.\w+|data\.\w+\.\w+|google_\w+\.\w+)"
    for name, text in TEXTS.items():
        code = re.sub(r"#.*|\"(?:[^\"$\\]|\\.|\$(?!\{))*\"", "", text)
        for reference in re.findall(pattern, code):
            assert reference in here, f"{name}: {reference}"


def test_every_variable_is_explained_typed_used_and_checked_where_it_can_be_wrong():
    everything = "\n".join(TEXTS.values())
    for name, body in VARIABLES.items():
        assert body["description"].endswith("."), name
        assert body["type"], name
        assert len(re.findall(rf"\bvar\.{name}\b", everything)) > len(body.get("validation", [])), (
            name
        )
        free = body["type"] in ("${bool}", "bool") or name == "subnetwork"
        assert free or body.get("validation"), name


def test_providers_and_terraform_are_pinned_to_what_was_checked():
    (versions,) = PARSED["versions.tf"]["terraform"]
    (wanted,) = versions["required_providers"]
    assert {k: v["version"] for k, v in wanted.items() if not k.startswith("__")} == {
        "google": "6.50.0",
        "google-beta": "6.50.0",
    }
    assert versions["required_version"] == ">= 1.9.0, < 2.0.0"


def test_nothing_is_public_and_no_role_is_broader_than_it_need_be():
    for name, body in RESOURCES.items():
        for value in walk(body):
            assert value not in BASIC_ROLES, name
            assert not re.search(r"allUsers|allAuthenticatedUsers|^\*$|domain:", str(value)), name
        if name.startswith("google_storage_bucket."):
            assert body["public_access_prevention"] == "enforced"
            assert body["uniform_bucket_level_access"] is True
        if "_iam_" in name:
            wanted = r"local\.(worker|deployer|poller|pubsub)"
            if name == "google_service_account_iam_member.operators_as_deployer":
                wanted = r"each\.value"  # of var.operators, which takes no public member
            assert re.fullmatch(rf"\$\{{{wanted}\}}", body["member"]), name
            assert name.partition(".")[0].endswith("_iam_member"), "would take others' rights away"


def test_only_what_has_no_narrower_place_is_granted_on_the_project():
    granted = [b for n, b in RESOURCES.items() if n.startswith("google_project_iam")]
    roles = {v for b in granted for v in walk(b) if str(v).startswith("roles/")}
    roles |= set(re.findall(r"roles/[\w.]+", str([b.get("for_each") for b in granted])))
    assert roles == {
        "roles/dataflow.worker",
        "roles/dataflow.developer",
        "roles/bigquery.jobUser",
        "roles/bigquery.readSessionUser",
    }


def test_everything_is_named_newsevents():
    keys = ("name", "account_id", "repository_id", "display_name")
    for name, body in RESOURCES.items():
        kind = name.partition(".")[0]
        if "_iam_" in kind or kind in ("google_project_service", "google_storage_bucket_object"):
            continue
        given = [str(body[key]) for key in keys if key in body]
        dataset = body.get("dataset_id") == "${var.dataset}"
        assert dataset or given[0] == "${each.key}" or "newsevents" in given[0], name


def job_parameters():
    text = TEXTS["job.tf"]
    block = re.search(r"parameters = merge\((.*?)\n  \)\n", text, re.S)[1]
    return set(re.findall(r"(?:^|\{) *(\w+) += ", block, re.M))


def test_the_job_is_given_parameters_that_the_template_has(metadata):
    known = {p["name"] for p in metadata["parameters"]}
    needed = {p["name"] for p in metadata["parameters"] if not p["isOptional"]}
    given = job_parameters()
    assert {"streaming", "output", "pubsub_subscription", "pubsub_topic"} <= given
    assert needed <= given <= known


def test_what_terraform_sets_itself_is_no_option(metadata):
    listed = set(
        re.findall(r'"(\w+)"', re.search(r"set_here = \[(.*?)\]", TEXTS["job.tf"], re.S)[1])
    )
    assert listed == job_parameters() | {"overwrite", "sdk_container_image"}
    left = {p["name"] for p in metadata["parameters"]} - listed
    assert {"store_text", "model", "granularity", "cross_language", "fetch_pages"} <= left


def test_values_that_can_be_read_off_fit_the_template(metadata):
    patterns = {p["name"]: p["regexes"][0] for p in metadata["parameters"]}
    assert re.search(patterns["resource_hints"], "min_ram=8GB")
    gpu = "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
    assert re.search(patterns["dataflow_service_options"], f"min_num_workers=1,{gpu}")
    assert re.search(
        patterns["sdk_container_image"],
        "europe-west1-docker.pkg.dev/my-project/newsevents/worker:0.1.0",
    )


def test_images_are_the_targets_of_the_dockerfile(stages):
    images = set(re.findall(r"local\.images\}/(\w+):", TEXTS["job.tf"]))
    assert images == {"worker", "poller"} <= set(stages)


def test_the_poller_command_takes_what_it_is_given():
    arguments = re.findall(r'"(--\w+)"', TEXTS["poller.tf"])
    assert arguments == ["--feeds", "--topic", "--state"]
    command = importlib.import_module("pipelines.publish.__main__")
    given = vars(
        command.build_parser().parse_args([word for flag in arguments for word in (flag, "x")])
    )
    assert all(given[flag.removeprefix("--")] in ("x", ["x"]) for flag in arguments)


def alerts():
    text = TEXTS["alerts.tf"]
    return set(re.findall(r"^    (newsevents-[\w-]+) = \{", text, re.M)) | set(
        re.findall(r'^  display_name += "(newsevents-[\w-]+)"', text, re.M)
    )


def test_every_alert_that_was_asked_for_is_there_and_in_the_readme(readme):
    assert alerts() == {
        "newsevents-system-lag", "newsevents-data-freshness", "newsevents-job-failed",
        "newsevents-no-job", "newsevents-backlog-age", "newsevents-dead-letters",
        "newsevents-dead-messages", "newsevents-poller-down",
    }  # fmt: skip
    assert alerts() <= set(re.findall(r"`(newsevents-[\w-]+)`", readme))


def test_every_account_and_role_is_in_the_readme(readme):
    for role in set(re.findall(r'"(roles/[\w.]+)"', TEXTS["identities.tf"])):
        assert f"`{role}`" in readme, role


def terraform(folder, *arguments):
    """Run Terraform with providers that know names and types and do nothing."""
    import terraform_provider

    with terraform_provider.providers(KNOWN) as attached:
        done = subprocess.run(
            [TERRAFORM, *arguments, "-no-color"], cwd=folder, capture_output=True, text=True,
            env={**os.environ, **attached, "TF_CLI_CONFIG_FILE": os.devnull},
        )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copied(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    shutil.copytree(FOLDER.parent, tmp_path / "dataflow")
    return tmp_path / "dataflow" / "terraform"


@needs_terraform
def test_files_are_formatted_as_terraform_does(copied):
    assert terraform(copied, "fmt", "-check", "-recursive") == (0, "")


@needs_terraform
def test_terraform_finds_the_configuration_valid(copied):
    code, said = terraform(copied, "validate")
    assert (code, "Success!" in said) == (0, True), said


@needs_terraform
def test_terraforms_own_tests_pass(copied):
    code, said = terraform(copied, "test")
    assert code == 0, said
    assert "0 failed" in said


@needs_terraform
@pytest.mark.parametrize(
    ("file", "right", "wrong", "told"),
    [
        ("pubsub.tf", "ack_deadline_seconds ", "ack_deadline ", "Unsupported argument"),
        ("storage.tf", "lifecycle_rule {", "life_cycle {", "Unsupported block type"),
        ("poller.tf", "manual_instance_count = 1", 'manual_instance_count = "one"', "number"),
        ("job.tf", "container_spec_gcs_path", "# container_spec_gcs_path", "Missing required"),
        ("outputs.tf", "items.id", "item.id", "Reference to undeclared resource"),
    ],
)
def test_terraform_finds_a_planted_mistake(copied, file, right, wrong, told):
    text = (copied / file).read_text()
    assert right in text
    (copied / file).write_text(text.replace(right, wrong))
    code, said = terraform(copied, "validate")
    assert code == 1
    assert told in said

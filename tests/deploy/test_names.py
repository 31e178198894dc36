"""One name for one thing in README, template, Terraform and Dockerfile."""

import re
from pathlib import Path

from pipelines.options import build_parser, refuse_unknown

TERRAFORM = Path(__file__).parents[2] / "deploy" / "dataflow" / "terraform"
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(TERRAFORM.glob("*.tf")))


def commands(readme, start):
    """Give the commands of the README that begin so, continuation lines joined."""
    joined = readme.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip().startswith(start)]


def test_parameters_in_the_readme_are_those_of_the_template(readme, metadata):
    patterns = {p["name"]: p["regexes"][0] for p in metadata["parameters"]}
    sets = re.findall(r'--parameters "\^~\^([^"]*)"', readme)
    assert sets
    values = {"PROJECT": "my-project", "RELEASE": "0.1.0", "IMAGES": "h.example/p/newsevents"}
    for one in sets:
        text = re.sub(r"\$(\w+)", lambda m: values[m[1]], one)
        given = dict(pair.split("=", 1) for pair in text.split("~"))
        assert {"output", "sdk_container_image"} <= given.keys() <= patterns.keys()
        for name, value in given.items():
            assert re.search(patterns[name], value), (name, value)


def test_a_job_by_hand_gets_what_terraforms_job_gets(readme):
    job = (TERRAFORM / "job.tf").read_text(encoding="utf-8")
    (by_hand,) = re.findall(r'--parameters "\^~\^([^"]*)"', readme)
    given = dict(pair.split("=", 1) for pair in by_hand.split("~"))
    set_here = set(re.findall(r'"(\w+)"', re.search(r"set_here = \[(.*?)\]", job, re.S)[1]))
    assert given.keys() == set_here - {"overwrite", "pubsub_topic"}  # the topic only if asked for
    assert f'disk_size_gb                     = "{given["disk_size_gb"]}"' in job
    days = re.search(r'variable "window_days" \{.*?default += (\d+)', TEXT, re.S)[1]
    assert given["window_days"] == days
    for name in ("disk_size_gb", "window_days"):
        assert f"--{name} {given[name]}" in readme


def test_the_first_job_of_the_readme_can_store_no_texts(readme, metadata):
    (options,) = re.findall(r"-var 'options=\{(\w+)=\"(\w+)\"\}'", readme)
    assert options == ("store_text", "none")
    assert options[0] in {p["name"] for p in metadata["parameters"]}


def test_flags_in_the_readme_are_known(readme):
    (command,) = commands(readme, ".venv/bin/python -m pipelines.detect_events")
    arguments = command.replace("$", "").split()[3:]
    parsed, rest = build_parser().parse_known_args(arguments)
    assert parsed.runner == "DataflowRunner" and parsed.streaming and parsed.resume
    assert parsed.pubsub_subscription == "projects/PROJECT/subscriptions/newsevents-items"
    refuse_unknown(rest)


def test_buckets_accounts_and_queues_in_the_readme_are_made_by_terraform(readme):
    for kind in set(re.findall(r"\$PROJECT-newsevents-(\w+)", readme)):
        assert f'"${{var.project}}-newsevents-{kind}"' in TEXT
    for account in set(re.findall(r"newsevents-(\w+)@\$PROJECT", readme)):
        assert f'account_id   = "newsevents-{account}"' in TEXT
    assert '"newsevents-items"' in TEXT and "subscriptions/newsevents-items" in readme
    assert '"newsevents-dead-letters"' in TEXT and "`newsevents-dead-letters`" in readme


def test_variables_in_the_readme_are_terraforms(readme):
    for name in set(re.findall(r"-var '?(\w+)=", readme)):
        assert f'variable "{name}"' in TEXT
    for name in ("min_workers", "max_workers", "delivery_attempts", "quiet_minutes",
                 "notification_channels", "public_addresses", "options", "operators",
                 "deletion_protection"):  # fmt: skip
        assert f'variable "{name}"' in TEXT and f"`{name}" in readme


def test_build_commands_of_the_readme_name_targets_and_arguments_of_the_dockerfile(
    readme, stages, dockerfile
):
    builds = commands(readme, "docker buildx build")
    assert {re.search(r"--target (\w+)", b)[1] for b in builds[:2]} == {"worker", "poller"}
    for build in builds[:2]:
        target = re.search(r"--target (\w+)", build)[1]
        assert target in stages
        assert f"$IMAGES/{target}:$RELEASE" in build
    for argument in set(re.findall(r"--build-arg (\w+)=", readme)):
        assert re.search(rf"^ARG {argument}=", dockerfile, re.M)


def test_files_that_the_readme_lists_are_there(readme):
    table = readme.partition("| here | what it is |")[2].partition("\n\n")[0]
    names = re.findall(r"^\| `([\w./]+)` \|", table, re.M)
    assert len(names) == 8
    assert all((TERRAFORM.parent / name).exists() for name in names)

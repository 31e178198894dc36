"""The image: what a linter says of it, what we ask of it besides, and its steps run for real."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HADOLINT = Path(sys.executable).with_name("hadolint")
DATAFLOW = Path(__file__).parents[2] / "deploy" / "dataflow"
WRAPPER = DATAFLOW / "unprivileged_python.sh"


def lint(text):
    done = subprocess.run([HADOLINT, "-"], input=text, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_the_linter_finds_nothing(dockerfile):
    assert lint(dockerfile) == (0, "")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("FROM python:latest", "DL3007"),
        ("FROM python:3.11-slim\nRUN pip install torch", "DL3013"),
        ("FROM python:3.11-slim\nADD setup.py /x", "DL3020"),
        ("FROM python:3.11-slim\nUSER root", "DL3002"),
    ],
)
def test_the_linter_finds_what_it_should(line, rule):
    code, said = lint(line + "\n")
    assert code == 1
    assert rule in said


def test_every_base_image_is_pinned_to_a_version(dockerfile):
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", dockerfile, re.M)
    assert len(images) == 3
    for image in images:
        tag = image.rpartition(":")[2]
        assert re.search(r"\d{4,}|\d+\.\d+\.\d+", tag), image
    assert not re.findall(r"^FROM (?!\$\{\w+_IMAGE\}|wheels AS|base AS)", dockerfile, re.M)


def test_beam_is_of_one_version_in_image_package_and_pins(dockerfile):
    root = DATAFLOW.parents[1]
    wanted = re.search(r"beam_python3\.11_sdk:([\d.]+)", dockerfile)[1]
    assert f"apache-beam=={wanted}" in (root / "constraints.txt").read_text().splitlines()
    assert f'"apache-beam=={wanted}"' in (root / "setup.py").read_text()


def test_every_pip_step_is_bound_to_the_pins_and_leaves_no_cache(stages):
    steps = [s for stage in stages.values() for s in stage.steps if s.word == "RUN"]
    calls = [call for step in steps for call in step.rest.split("&&") if " pip " in call]
    calls = [call for call in calls if "pip check" not in call]
    assert len(calls) == 8
    for call in calls:
        assert "--no-cache-dir" in call
        assert "--constraint constraints.txt" in call or "--no-deps" in call


def test_our_code_comes_after_what_it_needs_so_that_a_change_of_it_is_quick(stages):
    copied = [s.rest for s in stages["wheels"].steps if s.word == "COPY"]
    assert copied == ["constraints.txt ./", "setup.py ./"]
    runs = [s.rest for s in stages["base"].steps if s.word == "RUN" and " pip install" in s.rest]
    assert ["source=/wheels" in run for run in runs] == [True, False]


def test_nothing_is_fetched_by_address_and_no_secret_is_named(dockerfile):
    commands = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    assert not re.search(r"\bADD\b|https?://|curl|wget", "\n".join(commands))
    assert not re.search(r"(?i)password|secret|token|credential", "\n".join(commands))


def test_the_poller_is_no_root_and_the_worker_gives_root_up_before_our_code(stages):
    users = {
        name: [s.rest for s in stage.steps if s.word == "USER"] for name, stage in stages.items()
    }
    assert users["poller"] == ["65532:65532"]
    worker = "\n".join(s.rest for s in stages["worker"].steps)
    assert "unprivileged_python.sh /opt/newsevents/bin/python\n" in worker
    assert "unprivileged_python.sh /opt/newsevents/bin/python3\n" in worker
    assert "PATH=/opt/newsevents/bin:${PATH}" in worker
    assert stages["worker"].steps[-1].rest == '["/opt/apache/beam/boot"]'


def test_what_is_sent_to_the_builder_is_what_is_copied(stages):
    lines = (DATAFLOW / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = set()
    for stage in stages.values():
        for step in stage.steps:
            if step.word == "COPY" and "--from=" not in step.rest:
                copied.update([w for w in step.rest.split() if not w.startswith("--")][:-1])
    assert "*" in lines
    assert allowed == copied
    assert all((DATAFLOW.parents[1] / name).exists() for name in copied)


def third_party(module, seen):
    """Name what a module of ours imports from elsewhere, with all that it imports of ours."""
    root = DATAFLOW.parents[1]
    found = set()
    for depth in range(1, module.count(".") + 2):
        name = ".".join(module.split(".")[:depth])
        path = root / name.replace(".", "/")
        places = [path.with_suffix(".py"), path / "__init__.py"]
        place = next((p for p in places if p.exists()), None)
        if place is None or name in seen:
            continue
        seen.add(name)
        tree = ast.parse(place.read_text(encoding="utf-8"))
        for_types = (n for n in ast.walk(tree) if isinstance(n, ast.If))
        for_types = (n for n in for_types if "TYPE_CHECKING" in ast.dump(n.test))
        left_out = {id(inner) for node in for_types for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if id(node) in left_out or not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            wanted = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                wanted = [node.module, *(f"{node.module}.{name}" for name in wanted)]
            for one in wanted:
                ours = one.split(".")[0] in ("pipelines", "transforms", "schemas")
                found |= third_party(one, seen) if ours else {one}
    return found


def test_the_poller_has_the_packages_that_it_imports():
    imported = {name.split(".")[0] for name in third_party("pipelines.publish.__main__", set())}
    imported -= {*sys.stdlib_module_names, "google"}
    # Only for checking Beam's flags, for record coders and for models: the poller calls none.
    imported -= {"apache_beam", "huggingface_hub", "torch"}
    owners = importlib.metadata.packages_distributions()
    needed = {owners[name][0].lower().replace("_", "-") for name in imported}
    lines = (DATAFLOW / "poller.txt").read_text().splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    assert listed == needed | {"google-cloud-pubsub"}


def test_steps_are_read_as_docker_reads_them(check_image):
    text = "# note\nARG A_IMAGE=x:1.2.3\nFROM ${A_IMAGE} AS one\nRUN a \\\n    # why\n    && b\n"
    arguments, stages = check_image.read_stages(text)
    assert arguments == {"A_IMAGE": "x:1.2.3"}
    assert [(s.word, s.rest.split(), s.line) for s in stages["one"].steps] == [
        ("RUN", ["a", "&&", "b"], 4)
    ]


def test_folders_of_the_image_become_folders_of_the_scratch(check_image, tmp_path):
    scratch = check_image.Scratch(tmp_path, {})
    assert scratch.rewritten("pip --find-links /wheels /opt/wheels ./dist /dist/*.whl") == (
        f"pip --find-links {tmp_path}/root/wheels /opt/wheels ./dist {tmp_path}/root/dist/*.whl"
    )


needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can give root up"
)
ASK = "id -u; id -g; id -G; echo $HOME; cat /proc/self/status"  # sh stands in for python


def asked(*start):
    done = subprocess.run(
        [*start, "sh", WRAPPER, "-c", ASK],
        env={"PATH": "/usr/bin:/bin", "REAL_PYTHON": "/bin/sh", "HOME": "/srv"},
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_root
def test_python_of_the_worker_runs_as_a_user_without_rights():
    said = asked()
    assert said.startswith("65532\n65532\n65532\n/home/newsevents\n")
    assert re.search(r"CapEff:\t0+\n", said)
    assert re.search(r"CapBnd:\t0+\n", said)
    assert "NoNewPrivs:\t1\n" in said


@needs_root
def test_who_is_no_root_stays_who_it_is():
    said = asked("setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups")
    assert said.startswith("1234\n1234\n1234\n/srv\n")


@pytest.mark.slow
def test_the_steps_of_the_image_make_an_install_that_works(check_image, tmp_path):
    try:
        found = check_image.check(tmp_path / "scratch", {})
    finally:
        shutil.rmtree(tmp_path / "scratch")  # gigabytes
    ours = ("pipelines", "transforms", "schemas")
    assert found["owners"] == {name: ["newsevents"] for name in ours}
    assert found["weights_sha256"].startswith("53aa51172d142c89")
    assert found["cuda"] is None
    assert all("groupadd" in step for step in found["skipped"] if ": RUN " in step)
    assert found["poller_mb"] < 400 < found["installed_mb"] < 3000

"""Run the steps of the Dockerfile in a scratch folder, without Docker, and use what they install.

    python3.11 deploy/dataflow/check_image.py --scratch DIR [--keep]

Each stage gets a fresh virtual environment for its python, each absolute folder of the image a
folder below DIR. Steps that only mean something inside Docker are named and skipped.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
FOLDERS = ("/build", "/wheels", "/dist", "/opt/newsevents", "/template", "/home/newsevents")
ONLY_IN_DOCKER = re.compile(r"\b(groupadd|useradd|apt-get)\b")

PROVE = """
import json, sys
from importlib.metadata import packages_distributions, version
from transforms.embed.model import DEFAULT_MODEL, resolve_model
import pipelines, schemas, torch, transforms
owners = packages_distributions()
found = resolve_model(DEFAULT_MODEL)
json.dump({
    "owners": {name: owners[name] for name in ("pipelines", "transforms", "schemas")},
    "from": sorted({m.__file__.rsplit("/", 2)[0] for m in (pipelines, transforms, schemas)}),
    "model": found.model_id, "weights_sha256": found.weights_sha256,
    "torch": torch.__version__, "cuda": torch.version.cuda, "beam": version("apache-beam"),
}, sys.stdout)
"""

STORIES = {  # two sample texts, written for this check
    "fire.txt": """Warehouse fire in Port Ellery

March 2, 2026

Firefighters fought a blaze in a grain warehouse on the docks of Port Ellery through the night.
Nobody was hurt, the harbour master said, and the quay stayed closed until the morning while the
walls cooled down.
""",
    "ferry.txt": """Ferry runs aground near Skerra

March 2, 2026

A ferry with sixty passengers ran aground on a sandbank off Skerra Island in thick fog. All of them
were taken ashore by the lifeboat within two hours, and the company said that the hull was sound.
""",
}


class CheckError(Exception):
    """A step of the image, or what it should have made, is wrong."""


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile, its continuation lines joined."""

    word: str
    rest: str
    line: int

    def __str__(self) -> str:
        text = " ".join(self.rest.split())
        return f"line {self.line}: {self.word} {text[:90]}{'…' if len(text) > 90 else ''}"


@dataclass
class Stage:
    """One FROM and what follows it."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)


def read_steps(text: str) -> Iterator[Step]:
    """Give the instructions of a Dockerfile in order; comments are left out."""
    gathered, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not gathered and not line.strip()):
            continue
        start = start or number
        if line.endswith("\\"):
            gathered += line[:-1]
            continue
        word, _, rest = (gathered + line).partition(" ")
        yield Step(word.upper(), rest.strip(), start)
        gathered, start = "", 0


def read_stages(text: str) -> tuple[dict[str, str], dict[str, Stage]]:
    """Give the arguments before the first stage with their defaults, and the stages by name."""
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for step in read_steps(text):
        if step.word == "FROM":
            base, _, name = re.sub(r"--\S+ ", "", step.rest).partition(" AS ")
            stage = stages[name] = Stage(name, base)
        elif stage is not None:
            stage.steps.append(step)
        elif step.word == "ARG":
            name, _, default = step.rest.partition("=")
            arguments[name] = default
    return arguments, stages


class Scratch:
    """Runs stages below one folder."""

    def __init__(self, folder: Path, arguments: dict[str, str]) -> None:
        self.folder = folder
        self.arguments = arguments
        self.skipped: list[str] = []
        self.seconds: dict[str, float] = {}

    def python(self, stage: str) -> Path:
        """Give the folder of the stage's own python, made when there is none."""
        venv = self.folder / "venv" / stage
        if not venv.exists():
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        return venv / "bin"

    def inside(self, path: str) -> Path:
        """Give where an absolute path of the image lies in the scratch folder."""
        return self.folder / "root" / path.lstrip("/")

    def rewritten(self, command: str) -> str:
        """Turn the image's folders in a command into those of the scratch folder."""
        folders = "|".join(re.escape(folder) for folder in FOLDERS)
        return re.sub(
            rf"(?<![\w./-])({folders})(?![\w-])", lambda m: str(self.inside(m[1])), command
        )

    def run(self, stage: Stage, like: str) -> None:
        """Run a stage with the python of the stage ``like``, which may be its own."""
        variables = {**os.environ, "PATH": f"{self.python(like)}:{os.environ['PATH']}"}
        variables.pop("PYTHONPATH", None)
        at = self.inside("/build")
        for step in stage.steps:
            started = time.monotonic()
            if step.word == "WORKDIR":
                at = self.inside(step.rest)
                at.mkdir(parents=True, exist_ok=True)
            elif step.word == "ARG":
                name, _, default = step.rest.partition("=")
                variables[name] = self.arguments.get(name, default.strip('"'))
            elif step.word == "COPY" and "--from=" not in step.rest:
                self._copy(step, at)
            elif step.word == "RUN" and not ONLY_IN_DOCKER.search(step.rest):
                self._shell(step, at, variables)
            else:
                self.skipped.append(str(step))
                continue
            self.seconds[str(step)] = time.monotonic() - started

    def _copy(self, step: Step, at: Path) -> None:
        *sources, target = [w for w in step.rest.split() if not w.startswith("--")]
        for source in sources:
            here = CHECKOUT / source
            into = self.inside(target) if target.startswith("/") else at / target
            if here.is_dir():
                shutil.copytree(
                    here, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(here, into / here.name if target.endswith("/") else into)

    def _shell(self, step: Step, at: Path, variables: dict[str, str]) -> None:
        command = self.rewritten(re.sub(r"--mount=\S+\s*\\?\s*", "", step.rest))
        print(f"== {step}", flush=True)
        done = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=at, env=variables, capture_output=True, text=True
        )
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise CheckError(f"{step} ended with {done.returncode}:\n{last}")


def asker(bin_folder: Path, scratch: Path) -> Callable[..., str]:
    """Give what runs an installed python and answers what it printed."""

    def answer(*arguments: str) -> str:
        done = subprocess.run(
            [str(bin_folder / "python"), *arguments], cwd=scratch, capture_output=True, text=True,
            env={"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": str(scratch)},
        )  # fmt: skip
        if done.returncode:
            words = shlex.join(arguments)[:200]
            raise CheckError(f"python {words} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout

    return answer


def prove_poller(bin_folder: Path, scratch: Path) -> str:
    """Start the poller's command as far as it goes without Pub/Sub.

    Raises:
        CheckError: it does not answer, or carries what it should not need.
    """
    answer = asker(bin_folder, scratch)
    answer("-c", "from transforms.read.poller import Poller; import google.cloud.pubsub_v1, lxml")
    heavy = answer("-m", "pip", "list", "--format", "freeze").split()
    for name in ("torch", "apache-beam", "sentence-transformers"):
        if any(line.startswith(f"{name}==") for line in heavy):
            raise CheckError(f"the poller carries {name}")
    if "--topic" not in answer("-m", "pipelines.publish", "--help"):
        raise CheckError("the poller's --help does not name --topic")
    return "answers"


def prove(bin_folder: Path, scratch: Path, launch: Path) -> dict[str, object]:
    """Use what was installed; gives what it says of itself.

    Raises:
        CheckError: it does not answer, is not ours alone, or finds no events.
    """

    answer = asker(bin_folder, scratch)
    if "--runner" not in answer("-m", "pipelines.detect_events", "--help"):
        raise CheckError("--help does not name --runner")
    found: dict[str, object] = json.loads(answer("-c", PROVE))
    wrong = {name: who for name, who in found["owners"].items() if who != ["newsevents"]}  # type: ignore[attr-defined]
    if wrong:
        raise CheckError(f"not newsevents' alone: {wrong}")
    texts = scratch / "texts"
    texts.mkdir(exist_ok=True)
    for name, text in STORIES.items():
        (texts / name).write_text(text, encoding="utf-8")
    started = time.monotonic()
    # In the launcher's words, and by the file that the launcher runs.
    said = answer(
        str(launch), f"--input={texts}/*.txt", f"--output={scratch}/out", "--report=false",
        "--streaming=false", "--alerts=",
    )  # fmt: skip
    if "2 articles" not in said.splitlines()[-1]:
        raise CheckError(f"two sample texts gave: {said.splitlines()[-1]}")
    return {
        **found,
        "run": said.splitlines()[-1],
        "run_seconds": round(time.monotonic() - started, 1),
    }


def size_mb(folder: Path) -> int:
    """Give what the files below a folder take, in MB."""
    return (
        sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())
        // 10**6
    )


def check(scratch: Path, arguments: dict[str, str]) -> dict[str, object]:
    """Run all stages and prove the last; gives sizes, times and what was skipped."""
    defaults, stages = read_stages((HERE / "Dockerfile").read_text(encoding="utf-8"))
    runner = Scratch(scratch, {**defaults, **arguments})
    runner.run(stages["wheels"], like="wheels")
    runner.run(stages["package"], like="wheels")
    runner.run(stages["base"], like="base")
    runner.run(stages["worker"], like="base")
    runner.run(stages["poller"], like="poller")
    found = prove(runner.python("base"), scratch, runner.inside("/template/launch.py"))
    found["poller"] = prove_poller(runner.python("poller"), scratch)
    return {
        **found,
        "wheels_mb": size_mb(runner.inside("/wheels")),
        "package_mb": size_mb(runner.inside("/dist")),
        "installed_mb": size_mb(scratch / "venv" / "base"),
        "poller_mb": size_mb(scratch / "venv" / "poller"),
        "seconds": {step: round(s, 1) for step, s in runner.seconds.items() if s >= 1},
        "skipped": runner.skipped,
    }


def main() -> int:
    """Check the image; 0 when all holds, 1 when a step failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--scratch", required=True, type=Path, help="a folder that is not there yet"
    )
    parser.add_argument("--keep", action="store_true", help="leave the folder (about 3 GB)")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    given.scratch.mkdir(parents=True)
    try:
        found = check(given.scratch.resolve(), dict(pair.split("=", 1) for pair in given.build_arg))
    except CheckError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if not given.keep:
            shutil.rmtree(given.scratch)
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One timed job in a process of its own: the pipeline, or a loop that only encodes.

    python -m benchmarks.jobs pipeline|default|best ROWS WARM_UP OUT.json STARTED [OPTION ...]

Every job first does its whole work on the few articles of WARM_UP, which are others, so that what
is imported and loaded once is there: that and the start of the process (STARTED, by the clock that
never goes back) are its start-up. Then it does the same work on ROWS, and that is what counts:

* pipeline: ``pipelines.detect_events`` from reading its arguments to the last file written,
  run.json included. OPTIONs are its own.
* default: one call of ``SentenceTransformer(...).encode`` with every title and full text, with
  nothing set. Reading the articles is not counted.
* best: one call of our own encoder, set up as the pipeline's with the same OPTIONs, with the very
  texts that the pipeline gives it. Making them is not counted.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any, Protocol

from benchmarks.processes import family_cpu

# How settings are called, and what the parameter of ``load_encoder`` may be called.
_ENCODER_SETTINGS = {
    "encoder": ("encoder", "backend"),
    "encoder_precision": ("encoder_precision", "precision"),
    "encoder_processes": ("encoder_processes", "processes"),
}


class Job(Protocol):
    """One way to work on articles; what it loads, it keeps."""

    def prepare(self, path: Path) -> Any:
        """Get ready what is not counted."""
        ...

    def work(self, prepared: Any) -> dict[str, Any]:
        """Do what is counted; give what else is worth telling."""
        ...


class Pipeline:
    """The command, as a user gives it."""

    def __init__(self, options: Sequence[str]) -> None:
        self._options = options
        self._folder = tempfile.TemporaryDirectory()  # goes with the process

    def prepare(self, path: Path) -> Path:
        return path

    def work(self, prepared: Path) -> dict[str, Any]:
        from pipelines.detect_events import main as detect_events

        output = Path(tempfile.mkdtemp(dir=self._folder.name))
        read = prepared / "*" if prepared.is_dir() else prepared
        command = ["--input", str(read), "--output", str(output), "--no-report", *self._options]
        if code := detect_events(command):
            raise SystemExit(code)
        run = json.loads((output / "run.json").read_text("utf-8"))
        counts = run["counts"]
        told = {
            name: counts[name] for name in ("read", "articles", "repeats", "rejected", "events")
        }
        copies = ("exact_text", "near_verbatim", "contained")
        told["copies"] = sum(counts["stages"].get("dedupe", {}).get(kind, 0) for kind in copies)
        return {"counts": told, "stage_seconds": run["timings"]["stage_seconds"]}


class DefaultLoop:
    """sentence-transformers as its documentation shows it."""

    def __init__(self, options: Sequence[str]) -> None:
        self._model: Any = None

    def prepare(self, path: Path) -> list[str]:
        return [f"{row['title']}\n\n{row['text']}" for row in _rows(path)]

    def work(self, prepared: list[str]) -> dict[str, Any]:
        if self._model is None:
            from sentence_transformers import SentenceTransformer

            from transforms.embed.model import DEFAULT_MODEL, resolve_model

            self._model = SentenceTransformer(str(resolve_model(DEFAULT_MODEL).folder))
        self._model.encode(prepared)
        return {"tokens": self._model.max_seq_length, "device": str(self._model.device)}


class BestLoop:
    """Our own encoder and nothing else."""

    def __init__(self, options: Sequence[str]) -> None:
        from pipelines.options import parse_settings

        self._settings = parse_settings(["--input", "-", "--output", "-", *options])
        self._encoder: Any = None

    def prepare(self, path: Path) -> list[str]:
        from benchmarks.filling import START
        from benchmarks.near_duplicates import article
        from benchmarks.near_duplicates_set import REAL, Document
        from transforms.embed.lead import CHARS_PER_TOKEN, lead_text

        most = CHARS_PER_TOKEN * self._settings.max_tokens
        documents = (Document("", row["title"], row["text"], "", REAL, "") for row in _rows(path))
        return [lead_text(article(document, START), most) for document in documents]

    def work(self, prepared: list[str]) -> dict[str, Any]:
        if self._encoder is None:
            from transforms.embed.encoder import load_encoder

            given = encoder_arguments(self._settings, signature(load_encoder).parameters)
            self._encoder = load_encoder(self._settings.model, **given)
        self._encoder.encode(prepared)
        return {"tokens": self._settings.max_tokens, "encoder": type(self._encoder).__name__}


def encoder_arguments(settings: Any, parameters: Any) -> dict[str, Any]:
    """Give what the pipeline's settings say to the encoder, as far as it can be told."""
    arguments = {"max_tokens": settings.max_tokens}
    for setting, names in _ENCODER_SETTINGS.items():
        for name in names:
            if name in parameters and hasattr(settings, setting):
                arguments[name] = getattr(settings, setting)
    return arguments


JOBS: dict[str, type[Pipeline] | type[DefaultLoop] | type[BestLoop]] = {
    "pipeline": Pipeline,
    "default": DefaultLoop,
    "best": BestLoop,
}


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def main(argv: Sequence[str]) -> int:
    kind, rows, warm_up, out, started, *options = argv
    job: Job = JOBS[kind](options)
    job.work(job.prepare(Path(warm_up)))
    start_up = time.monotonic() - float(started)
    prepared = job.prepare(Path(rows))
    cpu, ready = family_cpu(os.getpid()), time.monotonic()
    told = job.work(prepared)
    seconds = time.monotonic() - ready
    result = {
        "start_up_seconds": start_up,
        "seconds": seconds,
        "cpu_seconds": family_cpu(os.getpid()) - cpu,
        **told,
    }
    Path(out).write_text(json.dumps(result), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Score the pipeline on several labelled streams, beside two baselines: one table."""

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from pipelines.baseline import single_pass
from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries, say
from pipelines.evaluate import evaluate_stream, rounded, singleton_scores
from pipelines.labelled import LabelledError
from pipelines.options import Parser, Settings, UsageError, parse_settings, refuse_unknown
from transforms.embed.model import ModelError, resolve_model

SHIPPED = Path(__file__).resolve().parents[1] / "tests" / "quality" / "hard_pairs.jsonl"
ENDINGS = (".jsonl", ".jsonl.gz")
METHODS = {"ours": "ours", "tf_idf": "TF-IDF", "singletons": "singletons"}  # as stored: as shown
LEGEND = (
    "ours: this pipeline. TF-IDF: a plain single pass over the same articles. singletons: every "
    "document its own event.\nrecall of candidates: of the articles whose event was open, those "
    "for which it was among the events looked at.\nsecs: of ours with reading, embedding and "
    "loading the model; of TF-IDF the pass alone.\ntrained on: how many of the set's labels the "
    "join model was made from; judge it by sets that say no."
)
_ABSENT = "-"
_MOST_NAME = 19  # characters of a set's name: the table is then 120 wide
_COEFFICIENTS = ("join_model.json", "join_model_any.json")


@dataclass(frozen=True)
class Column:
    """One column of the table: two lines of heading, and the score it shows."""

    over: str
    heading: str
    score: str
    width: int
    form: str = ""  # of a number


COLUMNS = (
    Column("", "docs", "docs", 7, ",d"),
    Column("", "gold", "gold_clusters", 7, ",d"),
    Column("", "pred", "pred_clusters", 7, ",d"),
    Column("B3", "P", "b3_P", 7, ".3f"),
    Column("B3", "R", "b3_R", 6, ".3f"),
    Column("B3", "F1", "b3_F1", 6, ".3f"),
    Column("pairs", "P", "pair_P", 7, ".3f"),
    Column("pairs", "R", "pair_R", 6, ".3f"),
    Column("pairs", "F1", "pair_F1", 6, ".3f"),
    Column("", "ARI", "ari", 8, ".3f"),
    Column("cand.", "recall", "candidate_recall", 8, ".3f"),
    Column("", "secs", "seconds", 7, ".1f"),
    Column("trained", "on", "trained_on", 8),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code: 0 done, 1 a stream could not be used, 2 usage."""
    try:
        parsed, settings = _parse(argv)
        paths = find_streams(parsed.labelled, parsed.folder)
        quiet_libraries()
        refuse_unknown(settings.beam_args)
        trained = training_labels(resolve_model(settings.model).model_id)
        return _print_all(paths, settings, trained, _Saved(parsed.json, parsed.markdown))
    except UsageError as error:
        return fail(str(error), USAGE)
    except (ModelError, _CannotWriteError) as error:
        return fail(str(error), FAILED)


def _parse(argv: Sequence[str] | None) -> tuple[argparse.Namespace, Settings]:
    parser = Parser(
        prog="python -m pipelines.quality",
        description="Score the pipeline on labelled streams (JSON Lines, also gzipped, with id, "
        "title, text, published, lang, source, url, label), beside a plain TF-IDF single pass and "
        "all singletons. Without --labelled, on the shipped stream of hard pairs.",
        epilog="Other flags are those of the main job (--model, --window_days, ...) and of Beam. "
        "Exit codes: 0 done, 1 a stream could not be scored (the others were), 2 usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--labelled", action="append", default=[], metavar="FILE", help="stream; repeatable")
    add("--folder", metavar="DIR", help="also every *.jsonl and *.jsonl.gz in it, if it is there")
    add("--json", metavar="OUT", help="also write all scores to this file")
    add("--markdown", metavar="OUT", help="also write the table to this file, in Markdown")
    parsed, rest = parser.parse_known_args(argv)
    return parsed, parse_settings(["--input", "none", "--output", "none", *rest])


def find_streams(labelled: Sequence[str], folder: str | None) -> list[str]:
    """List the streams to score, each once: those named, else the shipped one; then a folder's.

    Raises:
        UsageError: the folder is a file, or may not be read.
    """
    found = [*(labelled or [os.path.relpath(SHIPPED)])]
    if folder and not Path(folder).exists():
        say(f"no folder {folder} here: scoring what there is without it")
    elif folder:
        try:
            inside = sorted(Path(folder).iterdir())
        except OSError as error:
            raise UsageError(f"--folder {folder}: {error.strerror}; name a folder") from error
        found += [str(path) for path in inside if path.name.endswith(ENDINGS)]
    once: dict[Path, str] = {}
    for path in found:
        once.setdefault(Path(path).resolve(), path)
    return list(once.values())


def training_labels(model_id: str) -> dict[str, str]:
    """Say what the join model for an embedding model was trained on.

    Returns:
        ``all`` or ``half`` (of the labels), by the SHA-256 of the stream's file.
    """
    for name in _COEFFICIENTS:
        stored = json.loads(resources.files("transforms.cluster").joinpath(name).read_text())
        if stored["embedding_model"] in (model_id, "*"):
            return {entry["sha256"]: entry["labels"] for entry in stored["made_from"]}
    return {}


def set_names(paths: Sequence[str]) -> list[str]:
    """Name each stream by its file without the ending; with its folder where two are alike."""
    names = [_stem(path) for path in paths]
    often = Counter(names)
    return [
        f"{Path(path).resolve().parent.name}/{name}" if often[name] > 1 else name
        for path, name in zip(paths, names)
    ]


def _stem(path: str) -> str:
    name = Path(path).name
    return name.removesuffix(".gz").removesuffix(".jsonl") or name


def score_set(path: str, settings: Settings, trained: Mapping[str, str]) -> dict[str, Any]:
    """Score one stream.

    Returns:
        file, sha256, trained_on (no, half or all), and by method of ``METHODS`` the scores,
        named as ``evaluate`` names them, with seconds.

    Raises:
        LabelledError: the stream cannot be used.
    """
    outcome = evaluate_stream(path, settings)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    seconds = outcome.scores["docs"] / outcome.scores["docs_per_second"]
    started = time.monotonic()
    articles = [item.compared.embedded.article for item in outcome.assignments]
    clusters = single_pass(articles, timedelta(days=settings.window_days))
    plain = outcome.score(clusters) | {"seconds": time.monotonic() - started}
    return {
        "file": path,
        "sha256": digest,
        "trained_on": trained.get(digest, "no"),
        "ours": rounded(outcome.scores | {"seconds": seconds}),
        "tf_idf": rounded(plain),
        "singletons": rounded(singleton_scores(outcome.labels)),
    }


class Table:
    """The table as aligned text, a set at a time.

    Args:
        names: of all sets that may come; they say how wide the first column is.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._width = min(_MOST_NAME, max(map(len, names), default=0))

    def heading(self) -> str:
        """Give the two lines of headings."""
        over = [column.over for column in COLUMNS]
        shown = ["" if i and over[i] == over[i - 1] else name for i, name in enumerate(over)]
        return (
            self._line(("", ""), shown)
            + "\n"
            + self._line(("set", "method"), [column.heading for column in COLUMNS])
        )

    def block(self, name: str, scored: Mapping[str, Any]) -> str:
        """Give the three lines of one set."""
        if len(name) > self._width:
            name = name[: self._width - 1] + "…"
        return "\n".join(self._line((name, method), cells) for method, cells in _rows(scored))

    def _line(self, first: tuple[str, str], cells: Sequence[str]) -> str:
        name, method = first
        numbers = "".join(f"{cell:>{col.width}}" for col, cell in zip(COLUMNS, cells))
        return f"{name:<{self._width}} {method:<10}{numbers}".rstrip()


def _rows(scored: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Give the cells of each method, as shown."""
    for method, shown in METHODS.items():
        scores = scored[method]
        if method == "ours":
            scores = scores | {"trained_on": scored["trained_on"]}
        yield shown, [_cell(scores.get(column.score), column.form) for column in COLUMNS]


def _cell(value: Any, form: str) -> str:
    return _ABSENT if value is None else format(value, form)


def markdown(scored_by_name: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the table in Markdown."""
    heads = ["set", "method", *(f"{column.over} {column.heading}".strip() for column in COLUMNS)]
    lines = [heads, ["---", "---", *(["---:"] * len(COLUMNS))]]
    for name, scored in scored_by_name.items():
        named = name.replace("|", r"\|")
        lines += [[named, method, *cells] for method, cells in _rows(scored)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


class _CannotWriteError(Exception):
    """A file that was asked for cannot be written."""


class _Saved:
    """The files that were asked for, written anew after each set: a run that ends early leaves
    what it had."""

    def __init__(self, json_path: str | None, markdown_path: str | None) -> None:
        self._json_path = json_path
        self._markdown_path = markdown_path

    def write(self, scored: Mapping[str, Any], unusable: Sequence[Mapping[str, str]]) -> None:
        """Write all there is so far."""
        sets = [{"name": name, **scores} for name, scores in scored.items()]
        text = json.dumps({"sets": sets, "unusable": list(unusable)}, indent=2)
        self._write(self._json_path, f"{text}\n")
        self._write(self._markdown_path, markdown(scored))

    @staticmethod
    def _write(path: str | None, text: str) -> None:
        if path:
            try:
                Path(path).write_text(text, encoding="utf-8")
            except OSError as error:
                raise _CannotWriteError(
                    f"cannot write {path}: {error.strerror}; name another file"
                ) from error


def _print_all(
    paths: Sequence[str], settings: Settings, trained: Mapping[str, str], saved: _Saved
) -> int:
    """Score and print one set after the other; a set that cannot be used is told and passed by."""
    names = set_names(paths)
    table = Table(names)
    scored: dict[str, dict[str, Any]] = {}
    unusable: list[dict[str, str]] = []
    saved.write(scored, unusable)  # so that a bad path does not cost a run
    for number, (name, path) in enumerate(zip(names, paths), 1):
        say(f"scoring {path} ({number} of {len(paths)})")
        try:
            scored[name] = score_set(path, settings, trained)
        except LabelledError as error:
            fail(str(error), FAILED)
            unusable.append({"file": path, "error": str(error)})
        else:
            print(table.heading() if len(scored) == 1 else "", flush=True)
            print(table.block(name, scored[name]), flush=True)
        saved.write(scored, unusable)
    if scored:
        print(f"\n{LEGEND}", flush=True)
    if unusable:
        return fail(f"{len(unusable)} of {len(paths)} streams could not be scored", FAILED)
    return DONE


if __name__ == "__main__":
    sys.exit(main())

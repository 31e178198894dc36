"""Replay labelled and planted streams, and see which rule finds breaking news, how soon, and how
often it cries wolf.

    python -m benchmarks.breaking --folder DIR [--sets planted] [--cache DIR] [--json OUT]

DIR holds ``eval/`` and ``stream/`` with JSON Lines, also gzipped; a missing file is named. What
the sets are is told in ``breaking_set`` and ``breaking_planting``. Every article goes through the
pipeline's own dedupe and cluster in the order it arrives; events are scored as they stood then.

Five rules: ours; any item at all; so many articles; so many publishers with texts of their own
within six hours; and growth (the last 15 minutes against the mean quarter of the hour before).
What is counted:

* A true burst is a label that reaches 5 publisher families with texts of their own within 6 hours.
* An alert is of the label that most of the event's articles have at that time. The first for a
  true burst finds it. Every other is false: of the background, of what only looks like a burst,
  of a mixed event, of a burst a day after it was one, or a repeat, another event's alert of a
  burst that was found before.
* An event alerts once; one that takes over another takes over its alert.
* articles, families, own and minutes: of the label, from its first article until the alert, that
  article included; own are families with a text of their own. by third: share of the bursts that
  were found by their third such family.

Streams of one set with different seeds are counted together.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.breaking_alerts import Rises, curve, label_of, seen_moments
from benchmarks.breaking_output import print_part, rows
from benchmarks.breaking_planting import planted
from benchmarks.breaking_replay import Replay, Replayer
from benchmarks.breaking_rules import OURS, SIMPLE
from benchmarks.breaking_set import (
    DEVELOPMENT,
    PARTS,
    SETS,
    FileMissingError,
    Stream,
    allsides,
    spread,
    uci,
)
from benchmarks.breaking_truth import Bench
from transforms.embed.encoder import Encoder, load_encoder
from transforms.embed.model import DEFAULT_MODEL

FAMILIES = (5, 10)  # of a true burst,
HOURS = (6.0, 3.0)  # within so many; the first of each is what the text reports
_FITTED_HOURS = 12  # of an event's life that its moments are written of


def streams(folder: Path, wanted: str, seeds: Sequence[int]) -> Iterator[Stream]:
    """Make the streams of a set, both parts."""
    if wanted == "planted":
        yield from (planted(folder, part, seed) for part in PARTS for seed in seeds)
    elif wanted == "allsides2021":
        yield allsides(folder)
    elif wanted == "uci":
        yield from uci(folder)
    else:
        yield from (spread(stream, seed) for stream in uci(folder) for seed in seeds)


def measure(replays: Sequence[Replay]) -> dict[str, Any]:
    """Judge all rules on the replays of one part."""
    result: dict[str, Any] = {"streams": [_described(replay) for replay in replays], "rules": {}}
    for rule in (OURS, *SIMPLE):
        rises = [Rises(replay, rule) for replay in replays]
        result["rules"][rule.name] = {
            "shipped": rule.shipped,
            "curves": {
                f"{families} families in {hours:g} hours": rows(
                    curve(rises, [Bench(r.stream, families, hours) for r in replays], rule)
                )
                for families in FAMILIES
                for hours in HOURS
            },
        }
    return result


def _described(replay: Replay) -> dict[str, Any]:
    stream = replay.stream
    kinds = {item.label: item.kind for item in stream.items if item.label}
    return {
        "seed": stream.seed,
        "articles": len(stream.items),
        "families": len({item.family for item in stream.items}),
        "days": round(stream.days, 2),
        "events": len(replay.trails),
        "labels": {kind: list(kinds.values()).count(kind) for kind in sorted(set(kinds.values()))},
    }


def moments_of(replay: Replay) -> Iterator[dict[str, Any]]:
    """Give what our rule measured at each moment of each event, with what is true of it."""
    stream = replay.stream
    bench = Bench(stream, FAMILIES[0], HOURS[0])
    arrivals = {item.id: item.arrives for item in stream.items}
    labels = {item.id: item.label for item in stream.items}
    alerts = Rises(replay, OURS).alerts(OURS.shipped)
    first = {a.label: a.at for a in sorted(alerts, key=lambda alert: alert.at, reverse=True)}
    for trail in replay.trails:
        for seen in seen_moments(trail, OURS, arrivals):
            held = seen.look.mentions[: seen.mentions]
            if (seen.moment.at - held[0].at).total_seconds() > 3600 * _FITTED_HOURS:
                continue
            label = label_of([labels[told.article_id] for told in held])
            yield {
                "set": stream.name,
                "event": trail.event,
                "label": label,
                "kind": bench.kind(label),
                "true": label in bench.true,
                "alerted": label in first and first[label] < seen.at,
                "at": seen.at.isoformat(),
                "families": len({told.family for told in held}),
                "own": len({told.family for told in held if told.unique}),
                "articles": len(held),
                "gates": seen.moment.gates,
                "score": round(seen.moment.score, 4),
                "reasons": {reason.code: reason.value for reason in seen.moment.reasons},
            }


def main(argv: Sequence[str] | None = None, encoder: Encoder | None = None) -> int:
    """Run the benchmark and print its tables.

    Args:
        encoder: replaces the shipped one.
    """
    options = _options(argv)
    try:
        made = [s for name in options.sets for s in streams(options.folder, name, options.seeds)]
    except FileMissingError as error:
        print(error, file=sys.stderr)
        return 2
    replayer = Replayer(encoder or load_encoder(DEFAULT_MODEL), options.cache)
    result: dict[str, Any] = {}
    written: list[str] = []
    for name, part in dict.fromkeys((stream.set, stream.part) for stream in made):
        replays = [replayer.play(s) for s in made if (s.set, s.part) == (name, part)]
        measured = measure(replays)
        result[f"{name}, {part}"] = measured
        print_part(f"{name}, {part}", measured)
        if options.moments and part == DEVELOPMENT:
            written += [json.dumps(row) for replay in replays for row in moments_of(replay)]
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    if options.moments:
        options.moments.write_text("".join(f"{line}\n" for line in written), "utf-8")
    return 0


def _seeds(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError("seeds are whole numbers: 1,2,3") from None


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compare rules that find breaking news on replayed streams."
    )
    parser.add_argument(
        "--folder", required=True, type=Path, help="folder that has eval/ and stream/"
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument(
        "--seeds", type=_seeds, default=[1, 2, 3], help="draws of the planted sets (1,2,3)"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors and replays")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    parser.add_argument(
        "--moments", type=Path, metavar="OUT",
        help="write the terms of our score at each moment of the development streams there",
    )  # fmt: skip
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m pipelines.publish``: poll feeds as ``--streaming`` does, into a Pub/Sub topic.

Needs neither Beam nor a model, so that it runs in a small container.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries, say
from pipelines.draining import draining
from pipelines.options import (
    POLL_BOUNDS,
    POLL_SECONDS,
    Parser,
    UsageError,
    bounds_of,
    positive_float,
)
from transforms._shared.shards import WINDOW_DAYS
from transforms._shared.stopping import STOP

if TYPE_CHECKING:
    from pipelines.publish.rounds import PublishingRounds
    from transforms.read.feed import Feed
    from transforms.read.feed_state import FeedState
    from transforms.read.poller import Poller

_UNSETTLED_SECONDS = 2.5
_HEARTBEAT_SECONDS = 600.0  # without a line
_READ_AGAIN = timedelta(days=WINDOW_DAYS) / 4  # so that the pipeline does not forget what is shown


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 done, 1 failed, 2 wrong usage."""
    from transforms.write.output import OutputError

    quiet_libraries()
    try:
        options = build_parser().parse_args(argv)
        with draining():
            return _run(options)
    except UsageError as error:
        return fail(str(error), USAGE)
    except OutputError as error:
        return fail(str(error), FAILED)
    except OSError as error:  # a file system without locks, for one
        return fail(f"{error.filename or '--state'}: {error.strerror or error}", FAILED)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of this command."""
    parser = Parser(
        prog="python -m pipelines.publish",
        description="Poll feeds and publish what they have to a Pub/Sub topic.",
        epilog="SIGINT or SIGTERM ends it after what is under way. Exit codes: 0 done, 1 failed "
        "(with --once also: something could not be published), 2 usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--feeds", action="append", required=True, metavar="FILE|URL",
        help="feeds, as for detect_events --feeds; repeatable")  # fmt: skip
    add("--topic", required=True, metavar="TOPIC", help="projects/PROJECT/topics/NAME")
    add("--state", required=True, metavar="DIR|FILE",
        help="file that keeps what is known of feeds, so that a restart goes on; in a folder "
        "(one that is there, or ends in /) it is feeds.jsonl")  # fmt: skip
    add("--poll_bounds", type=bounds_of, default=POLL_BOUNDS, metavar="LEAST:MOST",
        help="shortest and longest time between two requests for one feed, chosen by how often "
        f"it has something new (default: {POLL_BOUNDS})")  # fmt: skip
    add("--once", action="store_true", help="ask every feed once and end, for a cron job")
    add("--allow_private_hosts", action="store_true",
        help="fetch from this machine and private networks too; link-local addresses stay "
        "refused (default: only from the public internet)")  # fmt: skip
    add("--fetch_timeout_seconds", type=positive_float, default=30.0, metavar="S",
        help="time for a whole response, redirects included "
        "(default: %(default)s seconds)")  # fmt: skip
    add("--publish_timeout_seconds", type=positive_float, default=60.0, metavar="S",
        help="how long a message is tried again; then its feed is asked again later "
        "(default: %(default)s seconds)")  # fmt: skip
    return parser


def _run(options: argparse.Namespace) -> int:
    from pipelines.publish.rounds import PublishingRounds
    from pipelines.publish.state import StateFile, state_file
    from pipelines.publish.topic import Topic, check_topic
    from transforms.write.locks import state_lock

    name, feeds = check_topic(options.topic), _listed(options.feeds)
    least, most = (timedelta(seconds=seconds) for seconds in options.poll_bounds)
    path = state_file(options.state)
    with state_lock(path):
        file = StateFile(path)
        kept = file.load()
        topic: Topic[str] = Topic(name, options.publish_timeout_seconds, STOP.is_set)
        try:
            poller = _poller(options, feeds, kept.states, least, most)
            rounds = PublishingRounds(poller, topic, file, kept, _now, least)
            _say_start(feeds, kept.states, name, path)
            if options.once:
                return _once(rounds)
            _go_on(rounds, poller, min(POLL_SECONDS, least.total_seconds()))
            return DONE
        finally:
            topic.close()


def _once(rounds: "PublishingRounds") -> int:
    done = rounds.round()
    say(done.line())
    return FAILED if done.unpublished or done.pending else DONE


def _go_on(rounds: "PublishingRounds", poller: "Poller", pause_seconds: float) -> None:
    missing: set[str] = set()
    said = time.monotonic()
    while not STOP.is_set():
        began = time.monotonic()
        done = rounds.round()
        if not done.is_idle:
            say(done.line())
            said = began
        elif began - said >= _HEARTBEAT_SECONDS:
            say(f"waiting: no feed is due; {rounds.failing:,} failing")
            said = began
        for source in sorted(poller.missing - missing):
            say(f"{source}: nothing is there now; looking again in every round")
        missing = set(poller.missing)
        pause = min(pause_seconds, _UNSETTLED_SECONDS) if poller.unsettled else pause_seconds
        STOP.wait(max(0.0, began + pause - time.monotonic()))


def _listed(arguments: Sequence[str]) -> "list[Feed]":
    from transforms.read.feed import parse_feed
    from transforms.read.feed_list import feed_sources

    try:
        lines = [line for argument in arguments for line in feed_sources(argument)]
        return [parse_feed(line) for line in dict.fromkeys(lines)]
    except ValueError as error:
        raise UsageError(str(error)) from error


def _poller(
    options: argparse.Namespace,
    feeds: "list[Feed]",
    states: "dict[str, FeedState]",
    least: timedelta,
    most: timedelta,
) -> "Poller":
    from transforms._shared.web.fetch import HttpFetcher
    from transforms.read.feed_book import FeedBook
    from transforms.read.feed_state import Policy
    from transforms.read.origin import Limits
    from transforms.read.poller import Poller
    from transforms.read.reader import Reader

    fetcher = HttpFetcher(options.fetch_timeout_seconds, allow_private=options.allow_private_hosts)
    return Poller(
        Reader(fetcher, _now, Limits(), stored=False),
        FeedBook(feeds, Policy.within(least, most), states),
        (),
        _now,
        STOP.is_set,
        every=options.once,
        patient=options.once,
        read_again=_READ_AGAIN,
    )


def _say_start(feeds: "list[Feed]", states: "dict[str, FeedState]", topic: str, path: Path) -> None:
    known = f"going on from {path}" if states else f"beginning anew in {path}"
    say(f"publishing {len(feeds):,} feed{'s' * (len(feeds) != 1)} to {topic}; {known}")


def _now() -> datetime:
    return datetime.now(timezone.utc)


if __name__ == "__main__":
    sys.exit(main())

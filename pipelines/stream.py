"""A run that goes on: round after round into one output, which is also where it takes up again."""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from pipelines.console import FAILED, fail, say
from pipelines.options import LOCAL_RUNNERS, Settings, UsageError
from transforms._shared.counts import count, reset, snapshot

if TYPE_CHECKING:
    from pipelines.alerts.desk import AlertDesk
    from pipelines.alerts.sinks import Sink
    from pipelines.flow import Detected, Sources
    from pipelines.live.status import Observer
    from pipelines.outputs import Output
    from pipelines.resume import OutputSeeds
    from schemas import Fetch
    from transforms.embed.model import ModelFiles
    from transforms.read.feed_state import FeedState, Policy
    from transforms.read.poller import Poller
    from transforms.read.reader import Item
    from transforms.write.rounds import Rounds

_MOST_SAID = 20  # unusable files named one by one
_LOG_AGE = timedelta(minutes=10)  # that a row of fetch_log waits for others to come,
_MOST_UNLOGGED = 2000  # and how many of them
_JUMP = timedelta(minutes=10)  # the clock against the time that passed: worth a line,
_WRONG = timedelta(days=1)  # and reason to stop, because every date would be judged by it


class ClockError(Exception):
    """The clock of this machine cannot be trusted; the message says what to do."""


@dataclass
class SteadyClock:
    """The current time, held against the time that passed since the last look.

    Small corrections only hold the clock back until it has caught up; it never runs backwards.
    """

    wall: Callable[[], float] = lambda: time.time()
    passed: Callable[[], float] = lambda: time.clock_gettime(
        getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    )
    _last: datetime | None = None
    _mark: tuple[float, float] | None = None

    def now(self) -> datetime:
        """Give the time in UTC, never before what was given last."""
        at = datetime.fromtimestamp(self.wall(), timezone.utc)
        self._last = at if self._last is None else max(at, self._last)
        return self._last

    def check(self) -> None:
        """Look whether the clock was set since the last look.

        Raises:
            ClockError: by more than a day.
        """
        wall, passed = self.wall(), self.passed()
        before, self._mark = self._mark, (wall, passed)
        if before is None:
            return
        jump = timedelta(seconds=(wall - before[0]) - (passed - before[1]))
        if abs(jump) < _JUMP:
            return
        way = f"{'forwards' if jump > timedelta() else 'backwards'} by {_span(abs(jump))}"
        if abs(jump) > _WRONG:
            raise ClockError(
                f"the clock of this machine jumped {way}: set it right and go on with --resume"
            )
        say(f"the clock of this machine jumped {way}; going on")


def _span(time_span: timedelta) -> str:
    minutes = time_span // timedelta(minutes=1)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"


@dataclass
class RoundsHook:
    """Commits a round once everything it gave went through all stages; see ``RoundHook``."""

    name: str  # under which the rounds and the session are registered

    def ended(self, poller: "Poller") -> None:
        """See ``RoundHook``."""
        _sessions[self.name].ended(poller)

    def finished(self, poller: "Poller") -> None:
        """See ``RoundHook``."""
        _sessions[self.name].finished()


_sessions: dict[str, "Session"] = {}


@dataclass(frozen=True)
class Again:
    """What is tried again: items beside the sources, of which feeds are asked at once."""

    items: "tuple[Item, ...]"
    hear: "Callable[[Detected], None]"  # is handed what comes of them, to wire itself to it


@dataclass
class Session:
    """What goes on beside the pipeline of one run: commits, counts, and who is told of them."""

    clock: SteadyClock
    base: dict[tuple[str, str], int]  # counters of earlier runs
    observers: list["Observer"]
    seeds: "OutputSeeds | None"
    alerts: "AlertDesk | None" = None
    again: Again | None = None
    started: float = field(default_factory=time.monotonic)
    missing: set[str] = field(default_factory=set)  # sources that are not there
    fetches: "list[Fetch]" = field(default_factory=list)  # not written yet
    passed_over: int = 0  # files of the output that could not be used
    rounds: "Rounds" = field(init=False)  # asks for the counts, so it comes last

    def counters(self) -> dict[tuple[str, str], int]:
        """Give the counters of the whole output, by (stage, name)."""
        counted = snapshot()
        return {name: self.base.get(name, 0) + counted.get(name, 0)
                for name in self.base.keys() | counted.keys()}  # fmt: skip

    def feed_states(self) -> "dict[str, FeedState]":
        """Give what earlier runs knew of feeds, by feed id."""
        if self.seeds is None:
            return {}
        states = self.seeds.feed_states()
        if self.again:
            return {name: state.to_be_asked() for name, state in states.items()}
        if self.seeds.lost_articles(self.base.get(("write", "rows_articles"), 0)):
            # What feeds still offer of them is to come again, though they have not changed.
            return {name: state.without_content() for name, state in states.items()}
        return states

    def ended(self, poller: "Poller") -> None:
        """Commit what was collected, and tell of it."""
        self.clock.check()
        self._log(poller.settle(self.rounds.take_readings()))
        if self.alerts is not None:
            self.alerts.add_to(self.rounds, self.clock.now())
        ended = self.rounds.commit()
        if self.alerts is not None:
            self.alerts.committed()
        if ended.rows["articles"] and self.seeds is not None:
            self.seeds.forget()  # every stage has asked for what it needs once
            self.seeds = None
        self._tell_missing(poller.missing)
        for observer in self.observers:
            observer.round_ended(ended, self.counters(), poller.health(), self.clock.now())

    def _log(self, fetches: "list[Fetch]") -> None:
        """Take rows for fetch_log; they alone make no round, but when they have waited long."""
        self.fetches += fetches
        if not self.fetches:
            return
        age = self.clock.now() - self.fetches[0].fetched_at
        if self.rounds.has_rows() or age > _LOG_AGE or len(self.fetches) > _MOST_UNLOGGED:
            self._write_log()

    def _write_log(self) -> None:
        for fetch in self.fetches:
            count("write", "in")
            count("write", "out", self.rounds.add("fetch_log", fetch))
            count("write", "rows_fetch_log")
        self.fetches = []

    def finished(self) -> None:
        """Write what waited for a round with news, and what became of the last alerts."""
        if self.alerts is not None:
            self.alerts.close()
            self.alerts.settle(self.rounds)
        if self.fetches:
            self._write_log()
        if self.rounds.has_rows():
            self.rounds.commit()

    def _tell_missing(self, missing: set[str]) -> None:
        for source in sorted(missing - self.missing):
            say(f"{source}: nothing is there now; looking again in every round")
        for source in sorted(self.missing - missing):
            say(f"{source}: there again")
        self.missing = missing


def run_rounds(
    settings: Settings, sources: "Sources", model: "ModelFiles", again: Again | None = None
) -> int:
    """Read, decide and write in rounds until stopped, or once; gives the exit code.

    Raises:
        UsageError: this cannot be done with that runner.
        OutputError: the output cannot be used.
    """
    from pipelines.alerts.desk import wanted_sinks
    from pipelines.live.screen import watching
    from pipelines.outputs import open_output

    sinks = wanted_sinks(settings)
    if settings.runner not in LOCAL_RUNNERS:
        raise UsageError(
            "--streaming and --resume write rounds on this machine: leave out --runner "
            f"{settings.runner}, or let it read --pubsub_subscription"
        )
    output = open_output(settings)
    try:
        with nullcontext() if settings.dry_run else output.lock():
            with watching(settings) as observers:
                show = _run(settings, sources, model, output, observers, sinks, again)
            return show()
    except ClockError as error:
        return fail(str(error).split(" [while running")[0], FAILED)  # Beam adds where it was


def _run(
    settings: Settings,
    sources: "Sources",
    model: "ModelFiles",
    output: "Output",
    observers: "list[Observer]",
    sinks: "tuple[Sink, ...]",
    again: Again | None,
) -> Callable[[], int]:
    """Run to the end; gives what shows the result and says the exit code."""
    from pipelines.alerts.desk import open_desk
    from pipelines.detect_events import finish, warn
    from pipelines.engine import bounded_metrics, new_pipeline, run
    from pipelines.flow import Mode, build, collect
    from pipelines.run_summary import counts_of
    from transforms.read.transform import PollDocuments
    from transforms.write.rounds import Rounds, register, release

    reset()
    clock = SteadyClock()
    earlier, seeds, letters = _take_up(settings, model, output, clock.now())
    settings = storing_as_before(settings, earlier)
    session = Session(clock, _counters(earlier), observers, seeds, again=again)
    session.alerts = open_desk(sinks, settings, output.folder) if output.folder else None
    session.passed_over = len(seeds.unusable()) if seeds else 0
    name = output.name
    pipeline = new_pipeline(settings.runner, settings.beam_args)
    poll = PollDocuments(
        MakePoller(
            sources, settings, name, os.path.realpath(output.folder) if output.folder else ""
        ),
        settings.poll_seconds,
        rounds=None if settings.streaming else 1,
        hook=RoundsHook(name),
    )
    read = pipeline | "Read" >> poll
    mode = Mode(bounded=False, stored=not settings.streaming, seeds=seeds)
    detected = build(read, settings, model, mode)
    collect(detected, name)
    if again:
        again.hear(detected)
    if settings.dry_run:
        from pipelines.detect_events import show_steps

        return partial(show_steps, pipeline)
    rounds = session.rounds = Rounds(
        output.store(model.dim, settings.store_text),
        output.last_round(earlier),
        lambda: _summary(settings, model, earlier, session),
        letters,
    )
    _say_start(settings, sources, model)
    warn(settings, model)
    register(rounds, name)
    _sessions[name] = session
    try:
        rounds.begin()
        if session.alerts is not None:
            session.alerts.begin()
        with bounded_metrics():
            run(pipeline, show_progress=False, reset_counts=False)
    finally:
        release(name)
        del _sessions[name]
        if session.alerts is not None:
            session.alerts.close(0.0)  # what a run that failed did not send is still pending
    # Items are those of this run; events, which live longer, those of the whole output.
    counts = counts_of(snapshot()) | {"events": counts_of(session.counters())["events"]}
    return partial(finish, settings, counts, time.monotonic() - session.started)


@dataclass(frozen=True)
class MakePoller:
    """Makes the poller where it is used: threads and open connections do not travel."""

    sources: "Sources"
    settings: Settings
    session: str
    outside: str = ""  # a folder that is never read: the output

    def __call__(self) -> "Poller":
        from pipelines.flow import MIB
        from transforms._shared.stopping import STOP
        from transforms._shared.web.fetch import HttpFetcher
        from transforms.read.feed import parse_feed
        from transforms.read.feed_book import FeedBook
        from transforms.read.origin import Limits
        from transforms.read.poller import Poller
        from transforms.read.reader import Reader

        settings, session = self.settings, _sessions[self.session]
        now, once = session.clock.now, not settings.streaming
        reader = Reader(
            HttpFetcher(settings.fetch_timeout_seconds, allow_private=settings.allow_private_hosts),
            now,
            Limits(max_file_bytes=settings.max_file_mb * MIB),
            frozenset(self.sources.feeds),
            stored=once,
        )
        feeds = [parse_feed(line) for line in self.sources.feeds]
        book = FeedBook(feeds, _policy(settings), session.feed_states())
        return Poller(
            reader,
            book,
            self.sources.files,
            now,
            STOP.is_set,
            self.outside,
            every=once or settings.poll_bounds is None,
            patient=once,
            read_again=timedelta(days=settings.window_days) / 4,
            first=session.again.items if session.again else (),
        )


def _policy(settings: Settings) -> "Policy":
    from transforms.read.feed_state import Policy

    spans = settings.poll_bounds or (settings.poll_seconds, settings.poll_seconds)
    return Policy.within(*(timedelta(seconds=seconds) for seconds in spans))


def _take_up(
    settings: Settings, model: "ModelFiles", output: "Output", now: datetime
) -> "tuple[dict[str, Any], OutputSeeds | None, set[str]]":
    """Look at what is in the output, and load what is needed to go on from it.

    Returns:
        Its run.json, what was decided, and the names of its dead letters; nothing of a new one.
    """
    from pipelines.resume import OutputSeeds
    from transforms.write.output import OutputError

    if settings.dry_run:
        return {}, None, set()
    run = output.read_run()
    if run is None or settings.overwrite:
        output.begin_anew(settings.overwrite)
        return {}, None, set()
    refuse_other_kind(settings, model, run)
    if output.is_being_replaced(run):
        raise OutputError(
            f"a run that was to replace {settings.output} was cut off, so its files may be of "
            "either run: begin anew with --overwrite, or choose another folder"
        )
    with output.held():
        removed = output.remove_uncommitted(run)
        seeds = OutputSeeds(settings.output, settings.window_days, run.get("rounds", 0))
        articles, events = seeds.load()
        letters = seeds.letters()
    if removed:
        say(f"removed {removed} files of a round that was not finished")
    _say_unusable(seeds.unusable())
    latest = seeds.latest_seen_at()
    if latest is not None and latest - now > _WRONG:
        raise ClockError(
            f"{settings.output} has articles seen at {latest:%Y-%m-%d %H:%M}, which the clock of "
            "this machine has not reached: set it right, or choose another folder"
        )
    say(f"going on from {settings.output}: {articles:,} articles, {events:,} open events")
    return run, seeds, letters


def storing_as_before(settings: Settings, run: dict[str, Any]) -> Settings:
    """Keep of texts what the run before kept, unless the user says otherwise."""
    stored = run.get("options", {}).get("store_text", settings.store_text)
    if stored == settings.store_text:
        return settings
    if not settings.store_text_given:
        say(f"--store_text {stored}, as before")
        return replace(settings, store_text=stored)
    say(f"--store_text {settings.store_text}, and {stored} before: rows that are there stay so")
    return settings


def refuse_other_kind(settings: Settings, model: "ModelFiles", run: dict[str, Any]) -> None:
    """Refuse to go on from an output that was made in another way, or without being asked to.

    Raises:
        OutputError: names what differs.
    """
    from schemas import SCHEMA_VERSION
    from transforms.write.output import OutputError

    if not settings.resume:
        raise OutputError(
            f"{settings.output} holds the output of an earlier run: add --resume to go on from "
            "it, --overwrite to begin anew, or choose another output"
        )
    versions = run.get("versions", {})
    schema, embedding = versions.get("schema"), versions.get("embedding_model")
    tokens = run.get("options", {}).get("max_tokens")
    if schema != SCHEMA_VERSION:
        raise OutputError(
            f"{settings.output} was written with schema version {schema}, and this is version "
            f"{SCHEMA_VERSION}: go on with the newsevents that wrote it, or choose another folder"
        )
    if embedding != model.model_id or tokens != settings.max_tokens:
        raise OutputError(
            f"{settings.output} was made with the model {embedding} and --max_tokens "
            f"{tokens}: vectors of another cannot be compared with "
            "them; name that one or choose another folder"
        )


def _say_unusable(unusable: list[Any]) -> None:
    for file in unusable[:_MOST_SAID]:
        say(
            f"passed over {file.path}: {file.why}; to keep what it held, stop, put back a copy "
            "that is whole and go on; else delete it"
        )
    if len(unusable) > _MOST_SAID:
        say(f"and {len(unusable) - _MOST_SAID} more files")


def _say_start(settings: Settings, sources: "Sources", model: "ModelFiles") -> None:
    what = []
    if not any(sources):
        what.append("what dead letters hold")
    if sources.feeds:
        what.append(f"{len(sources.feeds):,} feeds")
    if sources.files:
        shown = ", ".join(sources.files[:_MOST_SAID])
        what.append(f"files of {shown}{', …' * (len(sources.files) > _MOST_SAID)}")
    pace = _pace(settings) if settings.streaming else "once"
    stop = "; stop with Ctrl-C" if settings.streaming else ""
    say(f"reading {' and '.join(what)} {pace}; model: {model.model_id}{stop}")


def _pace(settings: Settings) -> str:
    if settings.poll_bounds is None:
        return f"every {settings.poll_seconds:g} s"
    least, most = map(_written, settings.poll_bounds)
    return f"as often as each is worth it, every {least} to {most}"


def _written(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _summary(
    settings: Settings, model: "ModelFiles", earlier: dict[str, Any], session: Session
) -> dict[str, Any]:
    from pipelines.detect_events import engine_of, options_of, versions_of
    from pipelines.run_summary import counts_of

    return {
        "files": earlier.get("files", []),  # of a run that ended
        "options": options_of(settings) | {"streaming": settings.streaming},
        "engine": engine_of(settings),
        "versions": versions_of(model),
        "counts": counts_of(session.counters()),
        "files_passed_over": session.passed_over,  # when this run began
    }


def _counters(run: dict[str, Any]) -> dict[tuple[str, str], int]:
    stages = run.get("counts", {}).get("stages", {})
    return {(stage, name): n for stage, counts in stages.items() for name, n in counts.items()}

"""``python -m pipelines.feeds``: try the feeds of a list, find those of a site, export a list."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from pipelines.console import DONE, FAILED, USAGE, fail, quiet_libraries, say
from pipelines.options import Parser, UsageError

if TYPE_CHECKING:
    from schemas import Document, Entry, Fetch, Reading
    from transforms._shared.web.fetch import HttpFetcher
    from transforms.read.feed import Feed

_QUIET_DAYS = 30
_WORKS = ("NEW", "DUP_ONLY", "NOT_MODIFIED")
_FIXES = {
    "EMPTY": "nothing to do if it is new; else look for another address with: feeds discover SITE",
    "NOT_A_FEED": "look for the address of the feed with: feeds discover SITE",
    "WALL": "ask the publisher for an address that programs may read",
    "BLOCKED": "the publisher does not let programs in: ask, or give the header it wants",
    "HARD": "look for its new address with: feeds discover SITE",
    "SOFT": "look whether its address is right; it is asked for again, less and less often",
    "TEMP": "try again later; it is asked for again by itself",
    "DEADLINE": "raise --fetch_timeout_seconds, or leave it out if it is always like that",
    "TOO_BIG": "ask the publisher for a shorter feed",
}


class _Looked(NamedTuple):
    """What is said of one feed."""

    fetch: "Fetch"
    remarks: list[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 all well, 1 something is wrong, 2 wrong usage."""
    quiet_libraries()
    try:
        options = _parse(argv)
        command = {"check": _check, "discover": _discover, "export": _export}[options.command]
        return command(options)
    except (UsageError, ValueError) as error:
        return fail(str(error), USAGE)
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror or error}", FAILED)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m pipelines.feeds",
        description="Look after lists of feeds.",
        epilog="Exit codes: 0 all well, 1 something is wrong, 2 usage.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check", help="ask for each feed once, and say what is wrong with it and how to mend it"
    )
    check.add_argument("feeds", nargs="+", metavar="FILE|URL", help="as for detect_events --feeds")
    discover = commands.add_parser("discover", help="find the feeds of a site")
    discover.add_argument("url", metavar="URL", help="its home page")
    for command in (check, discover):
        command.add_argument(
            "--allow_private_hosts", action="store_true",
            help="also on this machine and private networks (default: only the public internet)",
        )  # fmt: skip
        command.add_argument(
            "--fetch_timeout_seconds", type=float, default=30.0, metavar="S",
            help="time for a whole response (default: %(default)s seconds)",
        )  # fmt: skip
    export = commands.add_parser("export", help="write a list in another form")
    export.add_argument("feeds", nargs="+", metavar="FILE|URL", help="as for detect_events --feeds")
    export.add_argument(
        "--opml", required=True, metavar="FILE", help="OPML file to write; - for standard output"
    )
    return parser.parse_args(argv)


def _check(options: argparse.Namespace) -> int:
    feeds = _listed(options.feeds)
    say(f"asking for {len(feeds):,} feed{'s' * (len(feeds) != 1)}")
    bad = asked = 0
    for looked in sorted(_look_at(feeds, options), key=lambda one: one.fetch.feed):
        fetch = looked.fetch
        works = fetch.outcome in _WORKS
        asked += 1
        bad += not works
        counts = f"{fetch.entries:,} item{'s' * (fetch.entries != 1)}"
        if dropped := ", ".join(f"{part.count:,} {part.reason}" for part in fetch.dropped):
            counts += f", dropped {dropped}"
        print(f"{'ok  ' if works else 'BAD '}{fetch.outcome:12}{fetch.feed}  {counts}")
        if not works:
            error = fetch.error.removeprefix(f"{fetch.feed}: ") or "it has no items"
            print(f"      {error}")
            if fix := _FIXES.get(fetch.outcome):
                print(f"      fix: {fix}")
        for remark in looked.remarks:
            print(f"      note: {remark}")
    print(f"{asked - bad:,} of {asked:,} feeds work" if bad else "all feeds work")
    return FAILED if bad else DONE


def _discover(options: argparse.Namespace) -> int:
    from schemas.ids import is_web_url
    from transforms._shared.rejects import RejectError
    from transforms._shared.web.fetch import PAGE_TYPES
    from transforms._shared.web.walls import wall_of
    from transforms.read.discovery import feed_links, sitemap_lines, usual_addresses
    from transforms.read.feed import Feed

    if not is_web_url(options.url):
        raise UsageError(f"{options.url} is no http(s) URL")
    fetcher = _fetcher(options)
    found: list[str] = []
    home = options.url
    try:
        page = fetcher.fetch(options.url, accept=PAGE_TYPES)
        home = page.url
        found = [page.url, *feed_links(page.content, page.url, page.charset)]
        if wall := wall_of(page.content, page.headers):
            say(f"{page.url} shows a {wall.replace('_', ' ')}; trying the usual addresses")
    except RejectError as error:
        say(f"{error}; trying the usual addresses")
    try:
        robots = fetcher.fetch(_at_root(home, "robots.txt"), accept=PAGE_TYPES)
        found += sitemap_lines(robots.content, robots.url)
    except RejectError:
        pass  # many sites have none
    found += usual_addresses(home)
    feeds = [Feed(address=url, url=url) for url in dict.fromkeys(found)]
    asked = {feed.feed_id: place for place, feed in enumerate(feeds)}
    working: dict[str, int] = {}  # address that answered → place of the first that led there
    for fetch, _ in _look_at(feeds, options):
        if fetch.outcome in _WORKS and fetch.entries and fetch.feed_id in asked:
            place = asked[fetch.feed_id]
            working[fetch.url] = min(place, working.get(fetch.url, place))
    for address in sorted(working, key=lambda url: working[url]):
        print(address)
    if not working:
        return fail(f"no feed was found at {options.url}", FAILED)
    return DONE


def _export(options: argparse.Namespace) -> int:
    from transforms.read.opml import opml

    feeds = _listed(options.feeds)
    plain = [feed for feed in feeds if feed.is_plain]
    for feed in feeds:
        if not feed.is_remote:
            say(f"left out {feed.name}: OPML is for addresses of the web")
        elif not feed.is_plain:
            say(f"left out {feed.name}: OPML has no place for its secrets or headers")
        elif feed.every is not None:
            say(f"{feed.name}: OPML has no place for its every=")
    text = opml([feed.address for feed in plain])
    if options.opml == "-":
        sys.stdout.write(text)
    else:
        with open(options.opml, "w", encoding="utf-8") as file:
            file.write(text)
    return DONE


def _listed(arguments: Sequence[str]) -> "list[Feed]":
    from transforms.read.feed import parse_feed
    from transforms.read.feed_list import feed_sources

    lines = [line for argument in arguments for line in feed_sources(argument)]
    return [parse_feed(line) for line in dict.fromkeys(lines)]


def _fetcher(options: argparse.Namespace) -> "HttpFetcher":
    from transforms._shared.web.fetch import HttpFetcher

    return HttpFetcher(
        options.fetch_timeout_seconds, allow_private=options.allow_private_hosts
    )  # fmt: skip


def _look_at(feeds: "Sequence[Feed]", options: argparse.Namespace) -> Iterator[_Looked]:
    """Ask for feeds once, as the main job would, and read what comes."""
    from schemas import Document, Reading
    from transforms._shared.web.fetch import HttpFetcher
    from transforms.read.feed_book import FeedBook
    from transforms.read.feed_state import Policy
    from transforms.read.origin import Limits
    from transforms.read.poller import Poller
    from transforms.read.reader import Reader

    fetcher: HttpFetcher = _fetcher(options)
    reader = Reader(fetcher, _now, Limits(), stored=False)
    poller = Poller(reader, FeedBook(feeds, Policy()), (), _now, every=True, patient=True)
    readings: list[Reading] = []
    remarks: dict[str, list[str]] = {}
    for item in poller.round():
        if isinstance(item, Document):
            reading, entries = _read(item)
            readings.append(reading)
            remarks[reading.feed_id] = list(_remarks(entries))
        elif isinstance(item, Reading):
            readings.append(item)
    for fetch in poller.settle(readings):
        moved = [f"it answers at {fetch.url}"] if fetch.url not in ("", fetch.feed) else []
        yield _Looked(fetch, moved + remarks.get(fetch.feed_id, []))


def _read(document: "Document") -> "tuple[Reading, Sequence[Entry]]":
    from transforms._shared.rejects import RejectError
    from transforms.parse.document import parse_document
    from transforms.parse.found import MAX_ENTRIES
    from transforms.parse.reading import read, unread

    try:
        found = parse_document(document, MAX_ENTRIES)
    except RejectError as error:
        return unread(document, error), ()
    return read(document, found), found.entries


def _remarks(entries: "Sequence[Entry]") -> Iterator[str]:
    """Say what is odd about the items of a feed that works."""
    undated = sum(not entry.published for entry in entries)
    if undated:
        yield f"{undated:,} of {len(entries):,} items have no date: the time they come counts"
    guids = [entry.guid for entry in entries if entry.guid]
    if len(set(guids)) < len(guids):
        yield f"{len(guids) - len(set(guids)):,} items share their guid with another: told by link"
    newest = max((at for entry in entries if (at := _moment(entry.published))), default=None)
    if newest is not None and _now() - newest > timedelta(days=_QUIET_DAYS):
        yield f"its newest item is of {newest:%Y-%m-%d}"
    if newest is not None and newest - _now() > timedelta(hours=1):
        yield f"an item is dated {newest:%Y-%m-%d %H:%M}, in the future"


def _moment(written: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _at_root(url: str, name: str) -> str:
    from urllib.parse import urljoin

    return urljoin(url, f"/{name}")


def _now() -> datetime:
    return datetime.now(timezone.utc)


if __name__ == "__main__":
    sys.exit(main())

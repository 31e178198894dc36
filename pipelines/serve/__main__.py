"""``python -m pipelines.serve``: show an output folder in the browser, also while it grows."""

import argparse
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.console import DONE, FAILED, USAGE, fail, say
from pipelines.options import Parser, UsageError

if TYPE_CHECKING:
    from pipelines.serve.index import Index


class _NotServedError(Exception):
    """The server cannot start; the message says why and what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code: 0 stopped, 1 failed, 2 wrong usage."""
    from pipelines.report.tables import ReportError

    try:
        options = build_parser().parse_args(argv)
        _serve(options)
    except UsageError as error:
        return fail(str(error), USAGE)
    except (ReportError, _NotServedError) as error:
        return fail(str(error), FAILED)
    except KeyboardInterrupt:
        pass  # while it was starting
    return DONE


def build_parser() -> argparse.ArgumentParser:
    """The command's options, with their defaults and units."""
    parser = Parser(
        prog="python -m pipelines.serve",
        description="Serve pages and a read-only API over an output folder, also while a run adds "
        "to it. Ctrl-C or SIGTERM ends it.",
        epilog="Exit codes: 0 stopped, 1 failed, 2 usage.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder that detect_events has written"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="address to listen at (default: %(default)s, this machine only)",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=_number(0, 65535), default=8000, metavar="N",
        help="port to listen at; 0 picks a free one (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--allowed_hosts", action="append", default=[], metavar="NAME",
        help="another name that browsers may call this server by; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--memory_mb", type=_number(64, 1_000_000), default=512, metavar="MB",
        help="what the index may hold in memory, in MiB (default: %(default)s)",
    )  # fmt: skip
    return parser


def _number(least: int, most: int) -> Any:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text} is not a whole number, {least} to {most}")
        return int(text)

    return number


def _serve(options: argparse.Namespace) -> None:
    from pipelines.report.tables import output_folder
    from pipelines.serve.guard import is_loopback
    from pipelines.serve.index import Index

    folder = output_folder(options.output)
    with _listening(options.host, options.port) as listener, _stoppable():
        if not is_loopback(options.host):
            say(
                f"newsevents: {options.host} is not this machine alone: whoever reaches it can "
                "read this output"
            )
        index = Index(folder, options.memory_mb)
        try:
            _load(index, folder)
            _run(index, options, listener)
        finally:
            index.close()


def _load(index: "Index", folder: Path) -> None:
    import duckdb

    try:
        index.refresh()
    except (OSError, duckdb.Error) as error:
        raise _NotServedError(
            f"{folder}: cannot be indexed ({error}); is there room in the folder for temporary "
            "files, and is --memory_mb enough?"
        ) from error
    for path, why in index.state().passed_over:
        say(f"newsevents: {folder / path}: {why}; passed over")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM stop what goes on like Ctrl-C does, so that the index is removed."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise _NotServedError(
            f"cannot listen at port {port} of {host}: {why}; choose another --port, or 0 for a "
            "free one, or another --host"
        ) from error
    with listener:
        yield listener


def _run(index: "Index", options: argparse.Namespace, listener: socket.socket) -> None:
    import uvicorn

    from pipelines.serve.app import make_app

    host, port = listener.getsockname()[:2]
    address = f"[{host}]" if ":" in host else host

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"serving {options.output} at http://{address}:{port}/", flush=True)

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # ours end it with 0, uvicorn's would raise them again

    app = make_app(index, host=options.host, allowed_hosts=options.allowed_hosts)
    server = Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=3, timeout_keep_alive=10, limit_concurrency=200,
            h11_max_incomplete_event_size=32_768, ws="none", proxy_headers=False,
        )
    )  # fmt: skip

    def stop(number: int, frame: object) -> None:
        server.force_exit = server.should_exit  # the second time at once
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())

"""A feed that publishes a script: each fetch lets the next stories appear."""

import json
import threading
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STEP = 2  # stories that appear with each fetch


class ScriptedFeed:
    """Serves stories as a feed on the loopback address, as many as appeared so far.

    One feed, because two are fetched at once: so the stories come in the order of the script,
    however often somebody comes, and whenever.
    """

    def __init__(self, stories: list[dict[str, str]], start: datetime) -> None:
        self.stories = stories
        self.appeared = 0
        self._start = start
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/feed.xml"

    @property
    def finished(self) -> bool:
        return self.appeared > len(self.stories) + STEP

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _feed(self) -> bytes:
        with self._lock:
            self.appeared += STEP
            shown = list(enumerate(self.stories[: self.appeared]))
        items = "".join(self._item(place, story) for place, story in reversed(shown))
        head = "<?xml version='1.0'?><rss version='2.0'><channel><title>Script</title>"
        return f"{head}<link>https://script.example/</link>{items}</channel></rss>".encode()

    def _item(self, place: int, story: dict[str, str]) -> str:
        at = format_datetime(self._start + timedelta(minutes=4 * place))
        return (
            f"<item><title>{escape(story['title'])}</title><pubDate>{at}</pubDate>"
            f"<link>https://paper{place % 11}.example/{place}</link>"
            f"<description>{escape(story['text'])}</description></item>"
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        feeds = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = feeds._feed()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def script(path: Path) -> list[dict[str, str]]:
    """Read stories from JSON Lines, in the order they were published."""
    stories = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(stories, key=lambda story: story["published"])

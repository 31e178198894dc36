"""A desk that writes down what it is told, and is sometimes out of order."""

import base64
import hashlib
import hmac
import json
import os
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

KEY = b"a key that only this desk knows."
SINKS = """
[[sink]]
name = "all"
url = "{url}/all"
secret = "${{DESK_SECRET}}"
max_age = "30d"
update_gap = "1m"

[[sink]]
name = "picky"
url = "{url}/picky"
format = "slack"
min_families = 4
max_age = "30d"
"""
_TROUBLE = 4  # of so many requests one is answered with an error


class Told(NamedTuple):
    """One request, in the order in which they came."""

    path: str
    key: str
    body: bytes
    signed: bool


class AlertReceiver:
    """Takes alerts of several outputs on the loopback address."""

    def __init__(self) -> None:
        os.environ["DESK_SECRET"] = base64.b64encode(KEY).decode()
        self.counts = {"alerts": 0, "requests": 0, "repeats": 0}
        self._told: list[Told] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def write_sinks(self, output: Path) -> None:
        """Write the file of alerts for a run into an output."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}/{output.name}"
        sinks_of(output).parent.mkdir(parents=True, exist_ok=True)
        sinks_of(output).write_text(SINKS.format(url=url))

    def told(self, output: Path) -> list[tuple[object, ...]]:
        """Say of which events each sink was told, merges followed."""
        from pipelines.alerts.stored import read_stored

        stored = read_stored(output)
        return sorted(
            {(a.sink, stored.survivors.get(a.event_id, a.event_id)) for a in stored.planned}
        )

    def faults(self, output: Path) -> list[str]:
        """Say what is wrong with what came of a run that is over."""
        with self._lock:
            told = [one for one in self._told if one.path.startswith(f"/{output.name}/")]
        planned, delivered = _rows(output)
        self.counts["alerts"] += len(planned)
        self.counts["requests"] += len(told)
        self.counts["repeats"] += len(told) - len({one.key for one in told})
        faults = [f"alert {key} was never delivered" for key in planned.keys() - delivered]
        faults += [f"{one.key} was not planned" for one in told if one.key not in planned]
        came: dict[tuple[str, str], list[int]] = defaultdict(list)
        for one in told:
            row = planned.get(one.key)
            if row is None:
                continue
            if one.body != row["body"].encode() or not one.path.endswith(f"/{row['sink']}"):
                faults.append(f"{one.key} is not what was planned")
            if one.signed != (row["sink"] == "all"):
                faults.append(f"{one.key} is signed wrongly")
            if row["revision"] not in came[row["sink"], row["alert_id"]]:
                came[row["sink"], row["alert_id"]].append(row["revision"])
        if came.keys() != {(row["sink"], row["alert_id"]) for row in planned.values()}:
            faults.append("an alert did not come")
        for name, revisions in came.items():
            if revisions != list(range(1, len(revisions) + 1)):
                faults.append(f"{name} came as {revisions}")
        if planned.keys() != {one.key for one in told}:
            faults.append("not all that was planned came")
        return faults

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = receiver._take(self.path, dict(self.headers.items()), body)
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        key, at = headers["webhook-id"], headers["webhook-timestamp"]
        digest = hmac.digest(KEY, f"{key}.{at}.".encode() + body, hashlib.sha256)
        signature = "v1," + base64.b64encode(digest).decode()
        content = json.loads(body)
        same = headers["Idempotency-Key"] == key == content.get("id", key)
        with self._lock:
            signed = headers.get("webhook-signature") == signature
            self._told.append(Told(path, key if same else "", body, signed))
            return 503 if len(self._told) % _TROUBLE == 0 else 204


def sinks_of(output: Path) -> Path:
    """Name the file of alerts of an output, which lies beside it."""
    return output.with_suffix(".toml")


def _rows(output: Path) -> tuple[dict[str, dict[str, str]], set[str]]:
    """Read the alerts that were planned, by key, and which were delivered."""
    import pyarrow.parquet as pq

    rows = [
        row
        for path in (output / "alerts").glob("*/*.parquet")
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    planned = {row["key"]: row for row in rows if row["outcome"] == "planned"}
    delivered = [row["key"] for row in rows if row["outcome"] == "delivered"]
    if len(planned) + len(delivered) < len(rows) or len(set(delivered)) < len(delivered):
        raise SystemExit("an alert was planned or settled twice, or given up")
    return planned, set(delivered)

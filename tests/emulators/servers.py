"""Emulators of BigQuery and of Cloud Storage, in processes and an environment of their own."""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.environments import environment

HERE = Path(__file__).parent
PROJECT = "news-local"
BUCKET = "news-bucket"
_PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Emulators:
    """Where the emulators listen."""

    bigquery: str  # http://host:port
    streams: str  # host:port of BigQuery's gRPC
    storage: str  # http://host:port

    def variables(self) -> dict[str, str]:
        """Give the environment in which clients find them."""
        return {
            "BIGQUERY_EMULATOR_HOST": self.bigquery,
            "BIGQUERY_STORAGE_EMULATOR_HOST": self.streams,
            "STORAGE_EMULATOR_HOST": self.storage,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }


@contextlib.contextmanager
def running_emulators(folder: Path) -> Iterator[Emulators]:
    """Start both; they end with the block. What they store lies in ``folder``."""
    python = environment(HERE / "emulators.txt")
    rest, grpc, gcs = _free_ports(3)
    stored = folder / "storage"
    stored.mkdir(parents=True)
    bigquery = [
        python, HERE / "start_bigquery.py", "start", "--rest-port", str(rest),
        "--grpc-port", str(grpc), "--project", PROJECT, "--log-level", "error",
    ]  # fmt: skip
    storage = [
        python.with_name("gcp-storage-emulator"), "-d", stored, "start", "--port", str(gcs),
        "-H", "127.0.0.1", "--default-bucket", BUCKET, "-q",
    ]  # fmt: skip
    # Load jobs of one emulator read what the other one stored.
    places = {"BQEMU_GCS_LOCAL_ROOT": str(stored / ".cloudstorage")}
    with (
        _process(bigquery, folder / "bigquery.log", places) as first,
        _process(storage, folder / "storage.log", {}) as second,
    ):
        found = Emulators(
            f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}", f"http://127.0.0.1:{gcs}"
        )
        _wait_for(f"{found.bigquery}/bigquery/v2/projects/{PROJECT}/datasets", first, folder)
        _wait_for(f"{found.storage}/storage/v1/b", second, folder)
        yield found


@contextlib.contextmanager
def _process(
    command: list[object], log: Path, variables: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("w") as file:
        process = subprocess.Popen(
            list(map(str, command)),
            env=os.environ | variables,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    logs = "\n".join(log.read_text()[-2000:] for log in folder.glob("*.log"))
    raise RuntimeError(f"nothing answers at {url}:\n{logs}")


def main() -> None:
    """Run both until interrupted, with one empty dataset; print how to find them."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    with tempfile.TemporaryDirectory() as folder, running_emulators(Path(folder) / "data") as found:
        os.environ.update(found.variables())
        bigquery.Client(PROJECT, AnonymousCredentials()).create_dataset(f"{PROJECT}.news")
        print("In another shell:\n")
        for name, value in found.variables().items():
            print(f"export {name}={value}")
        print(f"\nthen --output bigquery:{PROJECT}.news; Ctrl-C ends it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


if __name__ == "__main__":
    main()

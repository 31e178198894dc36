"""What all routes share: the index, the templates, and answers that name their state."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from fastapi import HTTPException, Request, Response

from pipelines.report import wording
from pipelines.report.page import make_environment
from pipelines.report.tables import ReportError
from pipelines.serve.drawing import draw_volume
from pipelines.serve.index import Index, State
from pipelines.serve.queries import Questions

HTML = "text/html; charset=utf-8"


@dataclass
class Site:
    """One output as it is served."""

    index: Index
    error: str = ""  # why the output cannot be read now
    _counts: tuple[str, dict[str, Any]] = ("", {})
    _environment: Any = None
    _looks: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._environment = make_environment("pipelines.serve")
        self._environment.globals.update(words=wording, volume=draw_volume, link=with_query)
        self._looks = _digest_of_templates()

    def look(self) -> None:
        """Take in what is new; when that fails, remember why and go on with what is known."""
        try:
            self.index.refresh()
            self.error = ""
        except ReportError as error:
            self.error = wording.clean_line(error, 300)
        except (
            Exception
        ) as error:  # whatever it is: a thread that ends would leave pages as they are
            self.error = wording.clean_line(f"{type(error).__name__}: {error}", 300)

    def watch(self, seconds: float) -> None:
        """Look again and again until ``stop``."""
        while not self._stop.wait(seconds):
            self.look()

    def stop(self) -> None:
        self._stop.set()

    def answer(
        self, request: Request, make: Callable[[Questions, State], Response], variant: str = ""
    ) -> Response:
        """Give what ``make`` makes of the present state, or 304 when the client has that."""
        with self.index.reading() as (connection, state):
            etag = self._etag(state, variant)
            if etag in _tags(request.headers.get("if-none-match", "")):
                response = Response(status_code=304)
            else:
                response = make(Questions(connection), state)
        response.headers["ETag"] = etag
        response.headers["Cache-Control"] = "no-cache"
        return response

    def counts(self, ask: Questions, state: State) -> dict[str, Any]:
        """Count what there is; asked once for each state."""
        digest, counts = self._counts
        if digest != state.digest:
            counts = {**ask.counts(), "states": ask.state_counts()}
            self._counts = state.digest, counts
        return counts

    def page(
        self, name: str, request: Request, ask: Questions, state: State, **values: Any
    ) -> Response:
        """Render a template of this server."""
        html = self._environment.get_template(name).render(
            here=request.url.path,
            state=state,
            error=self.error,
            counts=self.counts(ask, state),
            digest=self._etag(state, ""),
            facts=_facts(state),
            **values,
        )
        return Response(html, media_type=HTML)

    def message(self, title: str, text: str, status: int) -> Response:
        """Render a page that says what went wrong; it needs no index."""
        html = self._environment.get_template("message.html.j2").render(title=title, text=text)
        return Response(html, status, media_type=HTML)

    def _etag(self, state: State, variant: str) -> str:
        said = f"{state.digest}\x00{self.error}\x00{self._looks}\x00{variant}"
        return f'W/"{hashlib.sha256(said.encode()).hexdigest()[:24]}"'


def with_query(path: str, query: Any, **changes: Any) -> str:
    """Write a link with the filters of ``query``, less those that are as they are by default."""
    values = query.model_dump(by_alias=True, exclude_defaults=True) | changes
    kept = {name: _text(v) for name, v in values.items() if v is not None and v != ""}
    return f"{path}?{urlencode(kept)}" if kept else path


def not_found(what: str) -> HTTPException:
    return HTTPException(404, what)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tags(header: str) -> set[str]:
    tags = {tag.strip() for tag in header.split(",")}
    return tags | {f"W/{tag}" for tag in tags if tag.startswith('"')}


def _facts(state: State) -> list[tuple[str, str]]:
    """Give what run.json says of itself, for the foot of the page."""
    run = state.run
    timings = run.get("timings") if isinstance(run.get("timings"), dict) else {}
    versions = run.get("versions") if isinstance(run.get("versions"), dict) else {}
    told: list[tuple[str, Any]] = [
        ("Round", state.round or None),
        ("Files", f"{state.files:,}"),
        ("Begun", (timings or {}).get("started_at")),
        ("Last written", run.get("finished_at") or (timings or {}).get("finished_at")),
        *((f"Version of {name}", value) for name, value in sorted((versions or {}).items())),
    ]
    return [
        (wording.clean_line(name.replace("_", " "), 60), wording.clean_line(value, 120))
        for name, value in told
        if isinstance(value, (str, int, float)) and value != ""
    ][:16]


def _digest_of_templates() -> str:
    digest = hashlib.sha256()
    for package in ("pipelines.report", "pipelines.serve"):
        for file in sorted(
            (resources.files(package) / "templates").iterdir(), key=lambda f: f.name
        ):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]

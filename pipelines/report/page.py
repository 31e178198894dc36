"""The report as one HTML page that needs no network and no other file."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from pipelines.report import wording
from pipelines.report.tables import ReportError, output_folder
from pipelines.report.timeline import make_axis
from pipelines.report.view import EventView, ReportView, load_view
from transforms.write.output import OutputError, replace_file


@dataclass(frozen=True)
class Target:
    """Something on the page that a link can lead to."""

    anchor: str
    title: str
    page: str = ""  # address of another page; "" when it is on this one

    @property
    def href(self) -> str:
        """Give what a link to it says."""
        return f"{self.page}#{self.anchor}" if self.anchor else self.page


MAX_EVENTS = 2000  # on a page
_TEMPLATES = files("pipelines.report") / "templates"
_STATE_ORDER = ("breaking", "developing", "fading", "over", "candidate", "none")


def write_report(output: str, html_path: str | None = None, *, max_events: int = MAX_EVENTS) -> str:
    """Write the page of ``output`` and give back its path; by default ``output``/report.html.

    Raises:
        ReportError: the folder cannot be read or the page cannot be written.
    """
    path = Path(html_path) if html_path else output_folder(output) / "report.html"
    save_page(render_page(load_view(output, max_events=max_events)), path)
    return str(path)


def render_page(view: ReportView) -> str:
    """Render ``view`` as HTML; the same view gives the same bytes.

    Everything hostile passes through the template's escaping; the one script on the page is named
    by its hash in the page's content security policy, so nothing else can run.
    """
    from markupsafe import Markup

    environment = make_environment()
    script = _own("report.js")
    axis = make_axis(view.events)
    step, bars = axis.bars(view.hours)
    html: str = environment.get_template("report.html.j2").render(
        view=view,
        words=wording,
        axis=axis,
        ranges=axis.ranges(),
        bars=bars,
        bar_step=_span_words(step),
        strays=sum(not _on_axis(axis, event) for event in view.events),
        live=sum(view.state_counts.get(state, 0) for state in ("breaking", "developing")),
        states=_states(view),
        counts=_flatten(view.counts),
        versions=_flatten(view.versions),
        targets=_targets(view),
        script=Markup(script),  # our own file, not input
        script_hash=_csp_hash(script),
        style=Markup("".join(_own(name) for name in ("base.css", "report.css"))),
    )
    return html


def make_environment(*packages: str) -> Any:
    """Make a Jinja environment with the report's templates, those of ``packages`` first."""
    import jinja2

    names = (*packages, "pipelines.report")
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, "templates") for name in names]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        line=wording.clean_line,
        utc=wording.utc,
        iso=wording.iso,
        number=wording.number,
        seconds=lambda at: int(at.timestamp()) if at else "",
    )
    return environment


def _own(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def save_page(html: str, path: Path) -> None:
    """Write the page whole or not at all.

    Raises:
        ReportError: the place cannot be written to.
    """
    try:
        replace_file(path, html.encode())
    except OutputError as error:
        raise ReportError(f"{error}; or name another --html") from error


def _csp_hash(script: str) -> str:
    """Name an inline script by its hash, as a content security policy does."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _targets(view: ReportView) -> dict[str, Target]:
    """Give every event and article that the evidence names its place on this page."""
    named = {
        part
        for event in view.events
        for article in event.articles
        for text in (article.dup_of, article.dup_evidence, article.evidence)
        for part, is_id in (*wording.pieces(text), (article.dup_of, True))
        if is_id
    }
    targets = {
        event.event_id: Target(f"e-{wording.clean_line(event.event_id, 60)}", event.title)
        for event in view.events
        if event.event_id in named
    }
    articles = [article for event in view.events for article in event.articles]
    for number, article in enumerate(articles):
        if article.article_id in named:
            targets[article.article_id] = Target(f"a{number}", article.title)
    return targets


def _on_axis(axis: Any, event: EventView) -> bool:
    return all(at is None or axis.covers(at) for at in (event.first_seen_at, event.last_seen_at))


def _states(view: ReportView) -> list[tuple[str, str]]:
    """List the states that occur, most urgent first, with their names."""
    known = [state for state in _STATE_ORDER if state in view.state_counts]
    return [(s, wording.STATES[s]) for s in known] + [
        (s, wording.clean_line(s, 20)) for s in view.state_counts if s not in _STATE_ORDER
    ]


def _span_words(step: timedelta) -> str:
    hours = int(step / timedelta(hours=1))
    if hours == 1:
        return "hour"
    if hours < 24:
        return f"{hours} hours"
    return "day" if hours == 24 else f"{hours // 24:,} days"


def _flatten(values: dict[str, Any], title: str = "") -> list[tuple[str, list[tuple[str, str]]]]:
    """Turn a part of run.json into groups of name and value, however odd it is."""
    single: list[tuple[str, str]] = []
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for name, value in list(values.items())[:100]:
        if isinstance(value, dict) and len(title) < 200:
            groups += _flatten(value, f"{title} {_name(name)}".strip())
        else:
            single.append((_name(name), _value(value)))
    return ([(title, single)] if single else []) + groups


def _name(name: object) -> str:
    return wording.clean_line(str(name).replace("_", " "), 60)


def _value(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return wording.number(value)
    return wording.clean_line("–" if value is None else value, 120)

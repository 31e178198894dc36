"""The read-only JSON API, and every list as a file to take away."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from pipelines.serve import filters, models
from pipelines.serve.exports import to_csv, to_parquet, to_rss
from pipelines.serve.filters import MOST_EXPORTED
from pipelines.serve.index import State
from pipelines.serve.queries import Found, Questions
from pipelines.serve.site import Site, not_found, with_query

EventId = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,64}$", description="Id of an event.")]
_MOST_CHANGES = 500
_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_RSS = "application/rss+xml"
_PROBLEM = {"model": models.Problem, "content": {models.Problem.media_type: {}}}
WRONG: dict[int | str, dict[str, Any]] = {
    422: {**_PROBLEM, "description": "A parameter is wrong."},
    503: {**_PROBLEM, "description": "The answer took too long."},
}
MISSING: dict[int | str, dict[str, Any]] = {
    404: {**_PROBLEM, "description": "There is no such event."}
}


def make_api(site: Site) -> APIRouter:
    """Give the routes of the JSON API."""
    api = APIRouter(prefix="/api/v1", tags=["api"])
    _add_lists(api, site)
    _add_event(api, site)
    return api


def _add_lists(api: APIRouter, site: Site) -> None:
    @api.get("/status", response_model=models.StatusOut, responses=WRONG)
    def get_status(request: Request) -> Response:
        """Say what is being served; ``state`` changes with the output."""
        return site.answer(request, lambda ask, state: _json(_status(site, ask, state)))

    @api.get("/events", response_model=models.EventsOut, responses=WRONG)
    def list_events(request: Request, query: Annotated[filters.EventQuery, Query()]) -> Response:
        """List events that stand for themselves; merged ones are part of their survivor."""
        return site.answer(
            request, lambda ask, state: _list(models.EventsOut, ask.events(query), query, state)
        )

    @api.get("/articles", response_model=models.ArticlesOut, responses=WRONG)
    def list_articles(
        request: Request, query: Annotated[filters.ArticleQuery, Query()]
    ) -> Response:
        """List articles at their last revision, the newest first."""
        return site.answer(
            request, lambda ask, state: _list(models.ArticlesOut, ask.articles(query), query, state)
        )

    @api.get("/feeds", response_model=models.FeedsOut, responses=WRONG)
    def list_feeds(request: Request, query: Annotated[filters.FeedQuery, Query()]) -> Response:
        """List the feeds and how the last request for each went."""
        return site.answer(
            request, lambda ask, state: _list(models.FeedsOut, ask.feeds(query), query, state)
        )

    @api.get("/dead-letters", response_model=models.LettersOut, responses=WRONG)
    def list_letters(request: Request, query: Annotated[filters.LetterQuery, Query()]) -> Response:
        """List items that could not be processed, and count them by stage and reason."""
        return site.answer(
            request,
            lambda ask, state: _list(
                models.LettersOut, ask.letters(query), query, state, groups=ask.letter_groups()
            ),
        )


def _add_event(api: APIRouter, site: Site) -> None:
    @api.get("/events/{event_id}", response_model=models.EventOut, responses=WRONG | MISSING)
    def get_event(request: Request, event_id: EventId) -> Response:
        """Give one event; a merged one as it was, with ``merged_into``."""

        def make(ask: Questions, state: State) -> Response:
            row = ask.event_row(event_id)
            if row is None:
                raise not_found(f"no event {event_id}")
            return _json(models.EventOut.model_validate(row))

        return site.answer(request, make)

    @api.get(
        "/events/{event_id}/articles", response_model=models.ArticlesOut,
        responses=WRONG | MISSING,
    )  # fmt: skip
    def list_event_articles(
        request: Request, event_id: EventId, query: Annotated[filters.Paging, Query()]
    ) -> Response:
        """List the articles of an event, or of the one it was merged into."""

        def make(ask: Questions, state: State) -> Response:
            own = filters.ArticleQuery(event_id=_survivor(ask, event_id), **query.model_dump())
            return _list(models.ArticlesOut, ask.articles(own), query, state)

        return site.answer(request, make)

    @api.get(
        "/events/{event_id}/changes", response_model=models.ChangesOut, responses=WRONG | MISSING
    )
    def list_event_changes(request: Request, event_id: EventId) -> Response:
        """List what happened to an event and to those merged into it, the newest first."""

        def make(ask: Questions, state: State) -> Response:
            survivor = _survivor(ask, event_id)
            rows = ask.changes([survivor, *ask.absorbed(survivor)], _MOST_CHANGES)
            return _json(models.ChangesOut.model_validate({"items": rows, "state": state.digest}))

        return site.answer(request, make)


def make_files(site: Site) -> APIRouter:
    """Give the routes of lists as files."""
    api = APIRouter(tags=["files"])
    lists: list[tuple[str, Any, Callable[[Questions, Any], Found]]] = [
        ("events", filters.EventExport, Questions.events),
        ("articles", filters.ArticleExport, Questions.articles),
        ("feeds", filters.FeedExport, Questions.feeds),
        ("dead-letters", filters.LetterExport, Questions.letters),
    ]
    for name, model, find in lists:
        for form in _TYPES:
            _add_file(api, site, f"/{name}.{form}", form, model, find)
    for form in _TYPES:
        _add_event_file(api, site, form)
    _add_feed(api, site, "/events.rss", "News events")
    _add_feed(api, site, "/breaking.rss", "Breaking news events")
    return api


def _add_file(
    api: APIRouter, site: Site, path: str, form: str, model: Any,
    find: Callable[[Questions, Any], Found],
) -> None:  # fmt: skip
    def get_file(request: Request, query: Any) -> Response:
        return site.answer(
            request, lambda ask, state: _file(find(ask, query).table, form, path.strip("/"))
        )

    get_file.__annotations__["query"] = Annotated[model, Query()]
    _add_route(api, path, get_file, form, f"The list as {form.upper()}; bodies are not in it.")


def _add_event_file(api: APIRouter, site: Site, form: str) -> None:
    def get_file(request: Request, event_id: EventId) -> Response:
        def make(ask: Questions, state: State) -> Response:
            own = filters.ArticleExport(event_id=_survivor(ask, event_id), limit=MOST_EXPORTED)
            return _file(ask.articles(own).table, form, f"{event_id}.{form}")

        return site.answer(request, make)

    path = f"/events/{{event_id}}/articles.{form}"
    _add_route(api, path, get_file, form, "The articles of an event.", MISSING)


def _add_feed(api: APIRouter, site: Site, path: str, title: str) -> None:
    breaking = path == "/breaking.rss"

    def get_feed(request: Request, query: Any) -> Response:
        def make(ask: Questions, state: State) -> Response:
            rows = ask.breaking(query.limit) if breaking else ask.events(query).rows()
            here = with_query(path, query)
            built = max((t for row in rows for t in (row["breaking_since"], row["last_seen_at"])
                         if t is not None), default=None)  # fmt: skip
            base = str(request.base_url).rstrip("/")
            return Response(to_rss(rows, title, base, here, built), media_type=_RSS)

        return site.answer(request, make, str(request.base_url))

    model = filters.BreakingQuery if breaking else filters.EventQuery
    get_feed.__annotations__["query"] = Annotated[model, Query()]
    _add_route(api, path, get_feed, "rss", "Events as RSS 2.0.")


def _add_route(
    api: APIRouter, path: str, endpoint: Any, form: str, description: str,
    more: dict[int | str, dict[str, Any]] | None = None,
) -> None:  # fmt: skip
    kind = _TYPES.get(form, _RSS)
    told = {"description": description, "content": {kind: {"schema": {"type": "string"}}}}
    api.add_api_route(
        path, endpoint, methods=["GET"], summary=description, response_class=Response,
        responses={200: told, **WRONG, **(more or {})},
    )  # fmt: skip


def _file(table: Any, form: str, name: str) -> Response:
    if "minutes" in table.column_names:
        table = table.drop_columns(["minutes"])  # only for drawing
    content = to_csv(table) if form == "csv" else to_parquet(table)
    kind = f"{_TYPES[form]}; charset=utf-8" if form == "csv" else _TYPES[form]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


def _list(
    model: type[BaseModel], found: Found, query: filters.Paging, state: State, **more: Any
) -> Response:
    told = {"total": found.total, "limit": query.limit, "offset": query.offset}
    return _json(model.model_validate(
        {**told, "state": state.digest, "items": found.rows(), **more}
    ))  # fmt: skip


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


def _status(site: Site, ask: Questions, state: State) -> models.StatusOut:
    return models.StatusOut(
        state=state.digest, round=state.round, unfinished=state.unfinished,
        error=site.error or None, files=state.files, passed_over=len(state.passed_over),
        **site.counts(ask, state),
    )  # fmt: skip


def _survivor(ask: Questions, event_id: str) -> str:
    survivor = ask.survivor(event_id)
    if survivor is None:
        raise not_found(f"no event {event_id}")
    return survivor

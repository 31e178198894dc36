"""The pages for people, rendered on this side; they work without their script."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError

from pipelines.report import wording
from pipelines.serve import filters
from pipelines.serve.api import EventId
from pipelines.serve.event_page import breaking_view, load_event_page
from pipelines.serve.index import State
from pipelines.serve.queries import Questions
from pipelines.serve.site import Site, not_found

_BREAKING, _LATEST, _ON_A_PAGE = 30, 15, 30
_SORTS = {
    "latest": "latest report",
    "first": "first report",
    "break": "newest break",
    "articles": "articles",
    "families": "publishers",
    "score": "breaking score",
}
Query = TypeVar("Query", bound=BaseModel)


def make_pages(site: Site, openapi: Callable[[], dict[str, Any]]) -> APIRouter:
    """Give the routes of the pages."""
    pages = APIRouter(include_in_schema=False)
    _add_events(pages, site)
    _add_tables(pages, site)

    @pages.get("/api")
    def get_api(request: Request) -> Response:
        return site.answer(
            request,
            lambda ask, state: site.page(
                "api.html.j2", request, ask, state, paths=_described(openapi())
            ),
        )

    return pages


def _add_events(pages: APIRouter, site: Site) -> None:
    @pages.get("/")
    def get_now(request: Request) -> Response:
        def make(ask: Questions, state: State) -> Response:
            breaking = ask.breaking(_BREAKING)
            latest = ask.events(filters.EventQuery(limit=_LATEST)).rows()
            shown = {row["event_id"] for row in breaking}
            return site.page(
                "now.html.j2", request, ask, state, breaking=_listed(breaking),
                latest=_listed(row for row in latest if row["event_id"] not in shown),
            )  # fmt: skip

        return site.answer(request, make)

    @pages.get("/events")
    def get_events(request: Request) -> Response:
        query = _asked(request, filters.EventQuery)

        def make(ask: Questions, state: State) -> Response:
            found = ask.events(query)
            return site.page(
                "events.html.j2", request, ask, state, query=query, total=found.total,
                events=_listed(found.rows()), states=wording.STATES, sorts=_SORTS,
                most_skipped=filters.MOST_SKIPPED,
            )  # fmt: skip

        return site.answer(request, make)

    @pages.get("/events/{event_id}")
    def get_event(request: Request, event_id: EventId) -> Response:
        def make(ask: Questions, state: State) -> Response:
            survivor = ask.survivor(event_id)
            if survivor is None:
                raise not_found(f"There is no event {event_id}.")
            if survivor != event_id:
                return RedirectResponse(f"/events/{survivor}", 307)
            page = load_event_page(ask, event_id)
            assert page is not None
            return site.page(
                "event_page.html.j2", request, ask, state, page=page, event=page.event,
                targets=page.targets,
            )  # fmt: skip

        return site.answer(request, make)


def _add_tables(pages: APIRouter, site: Site) -> None:
    @pages.get("/feeds")
    def get_feeds(request: Request) -> Response:
        query = _asked(request, filters.FeedQuery)

        def make(ask: Questions, state: State) -> Response:
            found = ask.feeds(query)
            return site.page("feeds.html.j2", request, ask, state, query=query,
                             total=found.total, feeds=found.rows(),
                             most_skipped=filters.MOST_SKIPPED)  # fmt: skip

        return site.answer(request, make)

    @pages.get("/dead-letters")
    def get_letters(request: Request) -> Response:
        query = _asked(request, filters.LetterQuery)

        def make(ask: Questions, state: State) -> Response:
            found = ask.letters(query)
            return site.page("dead_letters.html.j2", request, ask, state, query=query,
                             total=found.total, letters=found.rows(), groups=ask.letter_groups(),
                             most_skipped=filters.MOST_SKIPPED)  # fmt: skip

        return site.answer(request, make)


def _listed(rows: Any) -> list[dict[str, Any]]:
    return [{"event": breaking_view(row), "minutes": row["minutes"], "families": row["families"]}
            for row in rows]  # fmt: skip


def _asked(request: Request, model: type[Query]) -> Query:
    """Read the filters of a page; fields of a form that were left empty are not there.

    Raises:
        RequestValidationError: one of them is wrong.
    """
    values: dict[str, Any] = {n: v.strip() for n, v in request.query_params.items() if v.strip()}
    values.setdefault("limit", str(_ON_A_PAGE))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("query", *one["loc"])} for one in error.errors(include_url=False)]
        ) from error


def _described(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what the API's page says of each path."""
    return [
        {
            "path": path,
            "what": (get.get("description") or get.get("summary", "")).replace("``", ""),
            "parameters": [
                {"name": one["name"], "what": one.get("description", ""),
                 "type": _type(one.get("schema", {})), "where": one["in"]}
                for one in get.get("parameters", [])
            ],
        }
        for path, operations in schema["paths"].items()
        if (get := operations.get("get")) is not None
    ]  # fmt: skip


def _type(schema: dict[str, Any]) -> str:
    options = [o for o in schema.get("anyOf", [schema]) if o.get("type") != "null"]
    one = options[0] if options else {}
    if "enum" in one:
        return ", ".join(map(str, one["enum"]))
    limits = (
        [f"{one['minimum']:,} to {one['maximum']:,}"]
        if {"minimum", "maximum"} <= one.keys()
        else []
    )
    return " ".join([one.get("type", "text"), *limits])

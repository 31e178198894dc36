"""The application: routes, errors, own files, and the thread that looks for what is new."""

import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pipelines.serve.api import make_api, make_files
from pipelines.serve.guard import Guard, HostCheck
from pipelines.serve.index import BusyError, Index
from pipelines.serve.models import Problem
from pipelines.serve.pages import make_pages
from pipelines.serve.site import Site

LOOK_SECONDS = 2.0
OPENAPI = "/api/v1/openapi.json"
_NOT_PAGES = (".csv", ".parquet", ".rss", ".json")
_STATIC = {
    "base.css": ("pipelines.report", "templates", "text/css; charset=utf-8"),
    "serve.css": ("pipelines.serve", "static", "text/css; charset=utf-8"),
    "serve.js": ("pipelines.serve", "static", "text/javascript; charset=utf-8"),
    "icon.svg": ("pipelines.serve", "static", "image/svg+xml"),
}


def make_app(
    index: Index,
    *,
    host: str = "127.0.0.1",
    allowed_hosts: Iterable[str] = (),
    look_seconds: float = LOOK_SECONDS,
) -> FastAPI:
    """Make the application; ``index`` was refreshed once and is closed with it.

    Args:
        host: address that the server is bound to.
        allowed_hosts: more names that it goes by.
        look_seconds: from one look at the output to the next; 0: never look.
    """
    site = Site(index)
    app = FastAPI(
        title="newsevents", version="1", openapi_url=OPENAPI, docs_url=None, redoc_url=None,
        description="News events of one output folder; read-only.",
        lifespan=_watching(site, look_seconds),
    )  # fmt: skip
    app.state.site = site
    app.include_router(make_api(site))
    app.include_router(make_files(site))
    app.include_router(make_pages(site, app.openapi))
    app.add_api_route("/static/{name}", _static, include_in_schema=False)
    for kind in (RequestValidationError, HTTPException, BusyError):
        app.add_exception_handler(kind, _explain(site))
    _describe(app)
    app.add_middleware(Guard, hosts=HostCheck(host, allowed_hosts))
    return app


def _watching(site: Site, seconds: float) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        thread = threading.Thread(target=site.watch, args=(seconds,), name="watch", daemon=True)
        if seconds:
            thread.start()
        try:
            yield
        finally:
            site.stop()
            if seconds:
                thread.join()
            site.index.close()

    return lifespan


def _static(name: str) -> Response:
    if name not in _STATIC:
        raise HTTPException(404, "there is no such file")
    package, folder, kind = _STATIC[name]
    content = (resources.files(package) / folder / name).read_bytes()
    return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})


def _explain(site: Site) -> Any:
    """Make the handler that says what is wrong: on a page to people, else as problem JSON."""

    def handle(request: Request, error: Exception) -> Response:
        errors = None
        if isinstance(error, RequestValidationError):
            status, title = 422, "A parameter is wrong"
            errors = [_wrong(one) for one in error.errors()[:20]]
            detail = "; ".join(f"{one['name']}: {one['message']}" for one in errors)
        elif isinstance(error, HTTPException):
            status, detail = error.status_code, str(error.detail)
            title = "Not found" if status == 404 else "Refused"
        else:
            status, title, detail = 503, "Took too long", str(error)
        headers = getattr(error, "headers", None)
        path = request.url.path
        if not path.startswith("/api/") and not path.endswith(_NOT_PAGES):
            response = site.message(title, detail, status)
        else:
            problem = Problem(title=title, status=status, detail=detail[:1000], errors=errors)
            content = problem.model_dump_json(exclude_none=True)
            response = Response(content, status, media_type=Problem.media_type)
        response.headers.update(headers or {})
        return response

    return handle


def _wrong(error: Any) -> dict[str, str]:
    name = ".".join(str(part) for part in error["loc"][1:]) or "request"
    return {"name": name[:100], "message": str(error["msg"])[:300]}


def _describe(app: FastAPI) -> None:
    """Let the OpenAPI description say that errors are problem JSON, as they are."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        schema = make()
        for path in schema["paths"].values():
            for operation in path.values():
                for status, response in operation["responses"].items():
                    told = response.get("content", {})
                    if int(status) >= 400 and Problem.media_type in told:
                        told.pop("application/json", None)
                        told[Problem.media_type] = {
                            "schema": {"$ref": "#/components/schemas/Problem"}
                        }
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

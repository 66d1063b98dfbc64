"""The server's answers: the page, its scripts, and JSON; and who may ask.

On loopback anybody on this machine may look, but only under a loopback name, so that no web site can reach in
by a name of its own. Bound elsewhere, every request needs the token, which the printed address has once and a
cookie has afterwards. What changes something must come from the page itself.
"""

from __future__ import annotations

import functools
import hmac
import json
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

import cosearch
from cosearch.dashboard import views
from cosearch.dashboard.watching import Built, Watch
from cosearch.dashboard.wishes import enqueue
from cosearch.drawing import Drawn, drawn_pictures, draws_pictures
from cosearch.errors import CosearchError
from cosearch.report.document import Drawings
from cosearch.report.rendering import embedded_json
from cosearch.run.recorded import problem_of
from cosearch.store import StudyData, StudyRecord

COOKIE = "cosearch_token"
MOST_STUDIES = 40  # that are shown at once
MOST_VIEWS = 8  # selections that are kept
MOST_PICTURES = 64
MOST_BODY = 1 << 20
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SCRIPTS = {
    "parallel.js": ("cosearch.report", "parallel.js"),
    "page.js": ("cosearch.report", "page.js"),
    "page.css": ("cosearch.report", "page.css"),
    "dashboard.js": ("cosearch.dashboard", "dashboard.js"),
    "dashboard.css": ("cosearch.dashboard", "dashboard.css"),
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Dashboard:
    """The answers for one store.

    Args:
        location: of the store.
        token: that requests need; empty for none.
        writable: whether designs may be enqueued.
    """

    def __init__(self, location: str, shown: str, token: str, *, writable: bool) -> None:
        self.watch, self.shown, self.token, self.writable = Watch(location), shown, token, writable
        self.location = location
        self._views: OrderedDict[tuple[str, ...], Built] = OrderedDict()
        self._pictures: OrderedDict[tuple[str, str], Drawn] = OrderedDict()
        self._lock = threading.Lock()
        self._drawing = threading.Lock()

    def app(self) -> Any:
        """The ASGI application."""
        routes = [
            Route("/", self.page),
            Route("/static/{name}", self.static),
            Route("/api/studies", self.studies),
            Route("/api/view", self.view),
            Route("/api/design", self.design),
            Route("/api/form", self.form),
            Route("/api/enqueue", self.enqueue, methods=["POST"]),
        ]
        return guarded(Starlette(routes=routes), self.token)

    def page(self, request: Request) -> Response:
        """The page, empty: its script asks for all that is in it."""
        html = views.render(
            "dashboard.html.j2",
            store=self.shown,
            version=cosearch.__version__,
            data=embedded_json(Drawings().data),
            writable=self.writable,
        )
        return Response(html.encode("utf-8", "backslashreplace"), media_type="text/html")

    def static(self, request: Request) -> Response:
        """A script or a style sheet."""
        name = request.path_params["name"]
        if name == "plotly.js":
            return Response(
                _plotly(), media_type="text/javascript", headers={"cache-control": "max-age=3600"}
            )
        if name not in SCRIPTS:
            return PlainTextResponse("there is nothing here", 404)
        package, file = SCRIPTS[name]
        text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
        return Response(text, media_type="text/css" if name.endswith("css") else "text/javascript")

    def studies(self, request: Request) -> Response:
        """The store and its studies."""
        return answer(views.studies_view(self.watch.listing(), self.shown, writable=self.writable))

    def view(self, request: Request) -> Response:
        """The sections of the studies asked for, unless the page has them already."""
        names = tuple(dict.fromkeys(request.query_params.getlist("study")))[:MOST_STUDIES]
        if not names:
            return answer({"version": 0, "sections": []})
        version, text = self._built(names).get()
        if version == 0:
            return answer({"version": 0, "building": True})
        if request.query_params.get("seen") == str(version):
            return answer({"version": version, "same": True})
        if isinstance(text, dict):
            return answer({"version": version, **text})
        return Response(f'{{"version":{version},{text[1:]}', media_type="application/json")

    def _built(self, names: tuple[str, ...]) -> Built:
        def build() -> str:
            return _json(views.comparison_view([self.watch.read(name) for name in names]))

        with self._lock:
            if names not in self._views:
                self._views[names] = Built(build, lambda: self.watch.fingerprint(names))
                while len(self._views) > MOST_VIEWS:
                    self._views.popitem(last=False)
            self._views.move_to_end(names)
            return self._views[names]

    def design(self, request: Request) -> Response:
        """One design, with its pictures."""
        query = request.query_params
        row = query.get("row")
        try:
            data = self.watch.read(query.get("study", ""))
            number = int(row) if row is not None and row.isdecimal() and len(row) < 12 else None
            found = views.design_view(
                data, number, query.get("key"), lambda design: self._drawn(data, design)
            )
        except CosearchError as error:
            return answer({"error": str(error)}, 404)
        return answer(found)

    def _drawn(self, data: StudyData, design: dict[str, Any]) -> Drawn:
        """The pictures of a design; whatever goes wrong is one line."""
        key = data.record.name, json.dumps(design)
        with self._drawing:  # one at a time: a problem may take a core
            if key in self._pictures:
                return self._pictures[key]
            try:
                problem = _problem(_Key(data.record))
                drawn = (
                    drawn_pictures(problem, design, timeout_s=data.record.timeout_s)
                    if draws_pictures(problem)
                    else Drawn()
                )
            except Exception as error:  # whatever the problem's own code raises
                drawn = Drawn(missing=(views.reason_of(error),))
            self._pictures[key] = drawn
            while len(self._pictures) > MOST_PICTURES:
                self._pictures.popitem(last=False)
            return drawn

    def form(self, request: Request) -> Response:
        """What a design of a study is made of."""
        try:
            return answer(views.form_view(self.watch.read(request.query_params.get("study", ""))))
        except CosearchError as error:
            return answer({"error": str(error)}, 404)

    async def enqueue(self, request: Request) -> Response:
        """Take a design for a study."""
        from starlette.concurrency import run_in_threadpool

        if not self.writable:
            return answer({"error": "this dashboard only shows"}, 403)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return answer({"error": "expected JSON"}, 415)
        body = await request.body()
        try:
            asked = json.loads(body)
            study, design, fidelity = asked["study"], asked["design"], asked.get("fidelity", "")
            if not (isinstance(study, str) and isinstance(design, dict) and isinstance(fidelity, str)):
                raise TypeError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return answer({"error": 'expected {"study": NAME, "design": {...}}'}, 400)
        try:
            said = await run_in_threadpool(enqueue, self.location, study, design, fidelity, self.watch.read)
        except CosearchError as error:
            return answer({"error": str(error)}, 400)
        return answer({"said": said})


def answer(value: Any, status: int = 200) -> Response:
    """Strict JSON."""
    return Response(_json(value), status, media_type="application/json")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=str)


class _Key:
    """A record by its study, so that the problem is built once for each."""

    def __init__(self, record: StudyRecord) -> None:
        self.record, self._key = record, (record.name, record.created_at)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other._key == self._key


@functools.lru_cache(maxsize=8)
def _problem(key: _Key) -> Any:
    return problem_of(key.record)


@functools.cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def guarded(app: Any, token: str) -> Any:
    """The application behind its rules."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request = Request(scope)
        refusal = _refusal(request, token)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def stamped(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_headers(request)]
            await send(message)

        await app(scope, _limited(receive), stamped)

    return guard


def _refusal(request: Request, token: str) -> Response | None:
    """Why a request is not answered; None if it is."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if not token:
        if host not in LOOPBACK:
            return PlainTextResponse(f"{Markup.escape(host)} is not a name of this dashboard", 403)
    else:
        given = request.query_params.get("token")
        if given is not None and request.method == "GET":
            if not hmac.compare_digest(given.encode(), token.encode()):
                return PlainTextResponse("the token is wrong", 403)
            rest = [(k, v) for k, v in parse_qsl(request.url.query) if k != "token"]
            where = request.url.path + (f"?{urlencode(rest)}" if rest else "")
            moved = RedirectResponse(where, 303)
            moved.set_cookie(COOKIE, token, httponly=True, samesite="strict")
            return moved
        if not hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), token.encode()):
            return PlainTextResponse(
                "open the address that `cosearch dashboard` printed: it has the token", 401
            )
    if request.method not in ("GET", "HEAD"):
        origin = request.headers.get("origin")
        if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("a request that changes something must come from the page", 403)
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MOST_BODY:
            return PlainTextResponse("too long", 413)
    return None


def _headers(request: Request) -> list[tuple[bytes, bytes]]:
    kept = request.url.path == "/static/plotly.js"
    found = {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        **({} if kept else {"cache-control": "no-store"}),
    }
    return [(name.encode(), value.encode()) for name, value in found.items()]


def _limited(receive: Receive) -> Receive:
    read = 0

    async def limited() -> Any:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if read > MOST_BODY else message

    return limited

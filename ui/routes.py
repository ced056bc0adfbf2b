"""What the page fetches by itself: documents, pages, the inside of an answer, panels, files.

Each reply is a fragment of HTML, a picture or a file. A fragment or a picture that cannot be
shown is a sentence in its place, not an error of HTTP: a reader gains nothing from it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from rag import FootnoteError, UnknownConversation, UnknownDocument, UsageError
from ui import (
    render,
    render_evaluation,
    render_inspector,
    render_reader,
    render_settings,
)
from ui.access import Access
from ui.choosing import Chooser
from ui.evaluating import EVALUATIONS, Evaluator
from ui.keeping import Keeper
from ui.occasion import PageAssistant
from ui.reader import Reader
from ui.render import trouble_line
from ui.shelf import Shelf

_PNG, _SVG = "image/png", "image/svg+xml"
_Form = Annotated[dict[str, str], Body(max_length=20)]
_FormOfLists = Annotated[dict[str, str | list[str]], Body(max_length=20)]
_Reason = Annotated[str, Body(max_length=4000)]
_Number = Annotated[int | None, Body(ge=1)]
# A document's id names this version of it: what is drawn of it never changes.
_LASTING = {"Cache-Control": "private, max-age=3600"}


@dataclass(frozen=True)
class Desk:
    """Everything that is fetched from."""

    assistant: PageAssistant
    keeper: Keeper
    reader: Reader
    chooser: Chooser
    evaluator: Evaluator
    shelf: Shelf
    access: Access


def desk_of(assistant: PageAssistant, keeper: Keeper, shelf: Shelf, access: Access) -> Desk:
    """Return the desk of an assistant; close its evaluator afterwards."""
    evaluator = Evaluator(assistant.settings.home / EVALUATIONS)
    reader, chooser = Reader(assistant), Chooser(assistant)
    return Desk(assistant, keeper, reader, chooser, evaluator, shelf, access)


def router(desk: Desk) -> APIRouter:
    """Return all addresses below /page/ that are answered anew each time."""
    routes = APIRouter(prefix="/page")
    _add_documents(routes, desk)
    _add_answers(routes, desk)
    _add_evaluation(routes, desk)

    server = uuid.uuid4().hex

    @routes.get("/alive")
    async def alive() -> Response:
        assistant = desk.assistant
        badge = render.badge(assistant.model_name, assistant.model_host)
        return JSONResponse({"server": server, "badge": badge})

    def shown(**outcome: Any) -> Response:
        choices, has_password = desk.chooser.choices(), desk.access.asks
        return HTMLResponse(render_settings.settings(choices, has_password=has_password, **outcome))

    @routes.get("/settings")
    def settings() -> Response:
        return shown()

    @routes.post("/settings")
    def choose(data: _Form) -> Response:
        trouble = desk.chooser.choose(data)
        return shown(trouble=trouble, saved=trouble is None)

    return routes


def _add_documents(routes: APIRouter, desk: Desk) -> None:
    reader = desk.reader

    @routes.post("/refused")
    def refused(names: Annotated[list[str], Body(max_length=1000)]) -> Response:
        desk.shelf.refuse(names, desk.assistant.settings.file_megabytes)
        return PlainTextResponse("")

    @routes.get("/documents/{identity}.txt")
    def text(identity: str) -> Response:
        try:
            return PlainTextResponse(reader.text(identity))
        except UnknownDocument as error:
            return PlainTextResponse(str(error), status_code=404)

    @routes.get("/documents/{identity}/pages/{page}.png")
    def picture(
        identity: str, page: int, start: int = 0, end: int = 0, crop: bool = False
    ) -> Response:
        try:
            drawn = reader.image(identity, page, (start, end), crop=crop)
            return Response(drawn, 200, _LASTING, _PNG)
        except FootnoteError as error:
            return Response(render_reader.no_picture(str(error)), media_type=_SVG)

    @routes.get("/documents/{identity}")
    def document(
        identity: str,
        start: int = 0,
        end: int = 0,
        before: int | None = None,
        after: int | None = None,
    ) -> Response:
        def shown() -> str:
            if before is None and after is None:
                return render_reader.document(reader.open(identity, start, end))
            more = reader.stretch(identity, before=before, after=after)
            return render_reader.stretch(more, before=before is not None)

        return _fragment(shown)


def _add_answers(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/conversations/{name}")
    def download(name: str) -> Response:
        try:
            file = desk.keeper.download(name)
        except UnknownConversation as error:
            return PlainTextResponse(str(error), status_code=404)
        kept = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}"}
        return Response(file.text, media_type=file.mime, headers=kept)

    @routes.get("/exchanges/{identity}/inspector")
    def inspector(identity: str) -> Response:
        return _fragment(
            lambda: render_inspector.inspector(
                desk.assistant.conversations.exchange(identity).answer
            )
        )

    @routes.post("/exchanges/{identity}/feedback")
    def rate(
        identity: str,
        helpful: Annotated[bool, Body()],
        reason: _Reason = "",
        citation: _Number = None,
    ) -> Response:
        def kept() -> str:
            desk.keeper.rate(identity, helpful, reason, citation=citation)
            return ""

        return _fragment(kept)


def _add_evaluation(routes: APIRouter, desk: Desk) -> None:
    evaluator = desk.evaluator

    @routes.get("/evaluation")
    def evaluation(shown: str | None = None) -> Response:
        return _fragment(lambda: render_evaluation.evaluation(evaluator.state(), shown=shown))

    @routes.post("/evaluation")
    def act(data: _FormOfLists) -> Response:
        trouble = compared = None
        try:
            compared = _evaluate(desk, data)
        except FootnoteError as error:
            trouble = str(error)
        given = {name: value for name, value in data.items() if isinstance(value, str)}
        return HTMLResponse(
            render_evaluation.evaluation(
                evaluator.state(), compared=compared, trouble=trouble, given=given
            )
        )

    @routes.get("/evaluations/{name}/report.html")
    def report(name: str) -> Response:
        return _fragment(lambda: evaluator.report(name).read_text(encoding="utf-8"))


def _evaluate(desk: Desk, data: Mapping[str, str | list[str]]) -> str | None:
    """Do what a form of the evaluation asks for; return a comparison, if it asked for one."""
    action, runs = data.get("action"), data.get("run", [])
    if action == "compare":
        chosen = [runs] if isinstance(runs, str) else runs
        if len(chosen) != 2:
            raise UsageError("Choose two runs to be compared.")
        after, before = chosen
        return desk.evaluator.compare(before, after)
    if action == "stop":
        desk.evaluator.stop()
    elif action == "start":
        limit = str(data.get("limit", ""))
        cases, documents = str(data.get("cases", "")), str(data.get("documents", ""))
        if (cases or documents) and desk.access.exposed:
            raise UsageError(
                "Files of the machine that Footnote runs on can only be named there: run "
                "`footnote eval` on it, or leave both empty."
            )
        desk.evaluator.start(
            cases,
            documents,
            settings=desk.assistant.settings,
            only_search=bool(data.get("only_search")),
            limit=_number(limit),
        )
    return None


def _number(text: str) -> int | None:
    """Return the number above 0 that a form holds, None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 10 and int(text) else None


def _fragment(shown: Callable[[], str]) -> Response:
    try:
        return HTMLResponse(shown())
    except FootnoteError as error:
        return HTMLResponse(trouble_line(str(error)))

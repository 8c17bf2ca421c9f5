"""A task's log over HTTP, streamed: an answer of any length takes the memory of one page."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from django.db import close_old_connections
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from iacplatform.accounts.api import signed_in_user
from workspaces.api.access import find_workspace
from workspaces.log_messages import line_message
from workspaces.models import WorkspaceTask
from workspaces.services.logs import StoredLine, rendered_log
from workspaces.task_status import Phase

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


class LogQuery(serializers.Serializer[Any]):
    """Which part of a log, from the line behind ``offset`` on."""

    type = serializers.ChoiceField(choices=[*Phase.values, "all"], default="all")
    offset = serializers.IntegerField(min_value=0, max_value=10**15, default=0)


class LogFormatQuery(LogQuery):
    """Which part of a log in which form."""

    format = serializers.ChoiceField(choices=["json", "text"], default="json")


LogLines = inline_serializer(
    "LogLines",
    {
        "lines": serializers.ListField(child=serializers.DictField()),
        "total": serializers.IntegerField(),
    },
)
LogEntries = inline_serializer(
    "LogEntries",
    {
        "logs": serializers.ListField(child=serializers.DictField()),
        "total": serializers.IntegerField(),
    },
)


class FirstRenderer(BaseContentNegotiation):
    """Leaves the form to the view: whatever ``Accept`` says, errors are JSON."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """The only parser."""
        return next(iter(parsers))

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """The only renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class TaskLogView(APIView):
    """``GET /api/v1/tasks/<task_id>/logs?type=plan|apply|all&format=json|text&offset=N``."""

    content_negotiation_class = FirstRenderer

    @extend_schema(
        parameters=[LogFormatQuery],
        responses={(200, JSON): LogLines, (200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request, task_id: int) -> StreamingHttpResponse:
        """The stored lines of the task's log."""
        _check_visible(request, task_id)
        query = _validated(LogFormatQuery, request)
        if query["format"] == "text":
            return _stream(_text(task_id, **_part(query)), TEXT)
        return _stream(_json_list("lines", task_id, _messages, **_part(query)), JSON)


class TaskLogDownloadView(APIView):
    """``GET /api/v1/tasks/<task_id>/logs/download``: the log as a file ``task-<id>.log``."""

    content_negotiation_class = FirstRenderer

    @extend_schema(
        parameters=[LogQuery],
        responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "The log as a file")},
    )
    def get(self, request: Request, task_id: int) -> StreamingHttpResponse:
        """The stored lines of the task's log as a file."""
        _check_visible(request, task_id)
        query = _validated(LogQuery, request)
        response = _stream(_text(task_id, **_part(query)), TEXT)
        response["Content-Disposition"] = f'attachment; filename="task-{task_id}.log"'
        return response


class WorkspaceTaskLogView(APIView):
    """``GET /api/v1/workspaces/<workspace_id>/tasks/<task_id>/logs`` (reference §2.3)."""

    @extend_schema(responses=LogEntries)
    def get(self, request: Request, workspace_id: str, task_id: int) -> StreamingHttpResponse:
        """The log as ``{logs: [{phase, level, content, created_at}], total}``."""
        workspace = find_workspace(signed_in_user(request), workspace_id)
        get_object_or_404(workspace.tasks, pk=task_id)
        return _stream(_json_list("logs", task_id, _entries), JSON)


def _check_visible(request: Request, task_id: int) -> None:
    """Raises ``Http404`` unless the caller may see the task (F3)."""
    get_object_or_404(WorkspaceTask.objects.visible_to(signed_in_user(request)), pk=task_id)


def _validated(kind: type[LogQuery], request: Request) -> dict[str, Any]:
    query = kind(data=request.query_params)
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


def _part(query: dict[str, Any]) -> dict[str, Any]:
    phase = None if query["type"] == "all" else query["type"]
    return {"phase": phase, "after": query["offset"]}


def _stream(content: AsyncIterator[str], content_type: str) -> StreamingHttpResponse:
    # The request ends with its last byte: without this, a slow client would hold a connection.
    close_old_connections()
    headers = {"Cache-Control": "no-store"}
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


def _text(task_id: int, **part: Any) -> AsyncIterator[str]:
    return rendered_log(task_id, lambda lines: "".join(f"{line.text}\n" for line in lines), **part)


async def _json_list(
    name: str, task_id: int, to_items: Callable[[list[StoredLine]], Iterator[Any]], **part: Any
) -> AsyncIterator[str]:
    """``{"<name>": [items], "total": number of items}``, a page at a time."""
    total = 0

    def render(lines: list[StoredLine]) -> str:
        nonlocal total
        items = [json.dumps(item) for item in to_items(lines)]
        begin = "," if total else ""
        total += len(items)
        return begin + ",".join(items)

    yield f'{{"{name}":['
    async for text in rendered_log(task_id, render, **part):
        yield text
    yield f'],"total":{total}}}'


def _messages(lines: list[StoredLine]) -> Iterator[dict[str, Any]]:
    return (line_message(line) for line in lines)


def _entries(lines: list[StoredLine]) -> Iterator[dict[str, Any]]:
    """Consecutive lines of one phase and level as one entry."""
    for (phase, level), group in groupby(lines, key=lambda line: (line.phase, _level(line))):
        entry = list(group)
        content = "".join(f"{line.text}\n" for line in entry)
        created_at = entry[0].at.isoformat()
        yield {"phase": phase, "level": level, "content": content, "created_at": created_at}


def _level(line: StoredLine) -> str:
    return "error" if line.kind == "error" else "info"

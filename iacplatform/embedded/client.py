"""The REST API and the live stream as the demo and the benchmark use them: like any other client."""

import json
from collections.abc import Iterator
from typing import Any

import requests
from websockets.sync.client import connect

JSON = dict[str, Any]
TIMEOUT_SECONDS = 30
MAX_MESSAGE_BYTES = 64 * 1024**2
BEHIND_EVERY_LINE = 2**31


class PlatformClient:
    """One user's session with a platform; raises ``requests.HTTPError`` with the answer's text."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self._token = token
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy between this machine and itself
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **parameters: Any) -> JSON:
        """GETs ``/api/v1{path}``."""
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: JSON | None = None, **options: Any) -> JSON:
        """POSTs JSON (or a form, with ``files``) to ``/api/v1{path}``."""
        return self._call("POST", path, json=body, **options)

    def put(self, path: str, body: JSON) -> JSON:
        """PUTs JSON to ``/api/v1{path}``."""
        return self._call("PUT", path, json=body)

    def patch(self, path: str, body: JSON) -> JSON:
        """PATCHes ``/api/v1{path}``."""
        return self._call("PATCH", path, json=body)

    def _call(self, method: str, path: str, **options: Any) -> JSON:
        url = f"{self.base_url}/api/v1{path}"
        response = self.session.request(method, url, timeout=TIMEOUT_SECONDS, **options)
        if not response.ok:
            message = f"{method} {path}: {response.status_code} {response.text[:500]}"
            raise requests.HTTPError(message, response=response)
        answer: JSON = response.json() if response.content else {}
        return answer

    def wait(self, task_id: int) -> str:
        """Waits for the end of a task without reading its log; returns its status."""
        messages = self.stream(task_id, offset=BEHIND_EVERY_LINE)
        return next(str(each["status"]) for each in messages if each["type"] == "completed")

    def stream(self, task_id: int, offset: int = 0) -> Iterator[JSON]:
        """The live messages of a task from a line on; ends when the task has ended."""
        address = self.base_url.replace("http", "ws", 1)
        url = f"{address}/api/v1/tasks/{task_id}/output/stream?offset={offset}"
        protocols: Any = ["access_token", self._token]
        with connect(url, subprotocols=protocols, max_size=MAX_MESSAGE_BYTES) as socket:
            for message in socket:
                yield json.loads(message)

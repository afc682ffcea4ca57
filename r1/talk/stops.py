"""Stop strings for a server's requests: an ASGI middleware, which vLLM loads by its import path."""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

STOPS = "R1_SERVE_STOPS"
"""Environment variable with the stop strings, as a JSON list."""
_PATHS = ("/v1/chat/completions", "/v1/completions")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class AddStops:
    """Adds the model's stop strings to requests, as part of the completion: `</answer>` is the end of the form."""

    def __init__(self, app: App) -> None:
        self.app, self.stops = app, list(json.loads(os.environ[STOPS]))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, its body changed if it asks for a completion."""
        if scope["type"] != "http" or scope["path"] not in _PATHS:
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        changed, told = self._changed(body), False

        async def once() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": changed, "more_body": False}

        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(changed)).encode()))
        await self.app({**scope, "headers": headers}, once, send)

    def _changed(self, body: bytes) -> bytes:
        try:
            asked = json.loads(body)
        except ValueError:
            return body  # the server says what is wrong with it
        if not isinstance(asked, dict):
            return body
        given = asked.get("stop") or []
        stops = [*([given] if isinstance(given, str) else given), *self.stops]
        return json.dumps({**asked, "stop": list(dict.fromkeys(stops)), "include_stop_str_in_output": True}).encode()

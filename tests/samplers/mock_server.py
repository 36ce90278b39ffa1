"""A small chat server on real sockets, in a process of its own, that fails on demand.

    with MockServer([{"when": "poison", "status": 400}], latency=0.05) as server: ...

A rule is a dict. The first one that fits a request counts: `when` is a text in its body, `times`
how often the rule holds. It sets `status`, `headers`, `body`, `latency`, and `fault`:
`half` (closes in mid-body), `drip` (a byte at a time), `hang` (never answers), `drop` (closes with
no answer), `reset`, `chunked`, `close` (answers, then closes), `nolength` (ends by closing).
A request that no rule fits is answered with its own last message. `stats()` tells what came in.
Standard library only: it must start fast and answer some thousand requests a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast


class MockServer:
    """The server as a context manager: a child process, its address and what it saw."""

    def __init__(self, rules: Sequence[Mapping[str, Any]] = (), latency: float = 0.0) -> None:
        self._plan = json.dumps({"rules": list(rules), "latency": latency})

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(Path(__file__)), self._plan],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()

    def stats(self) -> dict[str, Any]:
        """Requests, connections, those open now, the most in flight, arrivals, heads, bodies."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as answer:
            return cast("dict[str, Any]", json.load(answer))


class World:
    """What all connections share: the plan, and the counts."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.rules: list[dict[str, Any]] = [dict(rule) for rule in plan["rules"]]
        self.latency: float = plan["latency"]
        self.stats: dict[str, Any] = {"requests": 0, "connections": 0, "open": 0, "peak": 0}
        self.stats |= {"arrivals": [], "bodies": [], "heads": []}
        self.flying = 0

    def pick(self, text: str) -> dict[str, Any]:
        """The first rule that fits, counted down."""
        for rule in self.rules:
            if rule.get("when", "") in text and rule.get("times", 1) > 0:
                if "times" in rule:
                    rule["times"] -= 1
                return rule
        return {}


class Wire(asyncio.Protocol):
    """One connection. Requests come one after another; each is answered after its latency."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self.transport = cast("asyncio.Transport", transport)
        self.world.stats["connections"] += 1
        self.world.stats["open"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it out."""
        self.world.stats["open"] -= 1

    def data_received(self, data: bytes) -> None:
        """Cut requests out of the bytes."""
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            self.take(head, body)

    def take(self, head: bytes, body: bytes) -> None:
        """Decide about one request."""
        world, stats = self.world, self.world.stats
        if head.startswith(b"GET /stats"):
            shown = json.dumps(stats | {"open": stats["open"] - 1}).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(shown))
            self.transport.write(shown)
            return
        stats["requests"] += 1
        world.flying += 1
        stats["peak"] = max(stats["peak"], world.flying)
        if stats["requests"] <= 2000:
            stats["arrivals"].append(time.time())
            stats["heads"].append(head.decode())
            stats["bodies"].append(body.decode())
        rule = world.pick(body.decode()) if world.rules else {}
        wait = rule.get("latency", world.latency)
        asyncio.get_running_loop().call_later(wait, self.answer, rule, head, body)

    def answer(self, rule: dict[str, Any], head: bytes, body: bytes) -> None:
        """Write the answer, or do the fault that the rule asks for."""
        self.world.flying -= 1
        if self.transport.is_closing():
            return
        text = rule.get("body")
        payload = text.encode() if isinstance(text, str) else self.echo(head, body)
        fault = rule.get("fault", "")
        if fault == "hang":
            return
        if fault == "drop":
            self.transport.close()
        elif fault == "reset":
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            self.transport.abort()
        else:
            self.send(rule, payload, fault)

    def send(self, rule: dict[str, Any], payload: bytes, fault: str) -> None:
        """Write status, headers and body in the manner that was asked for."""
        lines = [f"HTTP/1.1 {rule.get('status', 200)} X", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in rule.get("headers", {}).items()]
        if fault == "chunked":
            lines.append("Transfer-Encoding: chunked")
            cut = len(payload) // 2
            parts = (payload[:cut], payload[cut:], b"")
            payload = b"".join(b"%x;x=y\r\n%s\r\n" % (len(part), part) for part in parts)
        elif fault != "nolength":
            lines.append(f"Content-Length: {len(payload)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        if fault == "drip":
            self.drip(head + payload)
            return
        self.transport.write(head + (payload[: len(payload) // 2] if fault == "half" else payload))
        if fault in ("half", "close", "nolength"):
            self.transport.close()

    def drip(self, data: bytes) -> None:
        """A byte every twentieth of a second."""
        if data and not self.transport.is_closing():
            self.transport.write(data[:1])
            asyncio.get_running_loop().call_later(0.05, self.drip, data[1:])

    def echo(self, head: bytes, body: bytes) -> bytes:
        """A well-formed answer that says the last message again."""
        asked = json.loads(body)
        if b"/responses" in head.partition(b"\r\n")[0]:
            said = asked["input"][-1]["content"]
            part: dict[str, Any] = {"type": "output_text", "text": said, "annotations": []}
            message: dict[str, Any] = {"type": "message", "role": "assistant", "content": [part]}
            usage: dict[str, Any] = {"input_tokens": 5, "output_tokens": 3}
            usage["input_tokens_details"] = {"cached_tokens": 2}
            made: dict[str, Any] = {
                "status": "completed",
                "model": asked["model"],
                "output": [message],
            }
            return json.dumps(made | {"usage": usage}).encode()
        said = asked["messages"][-1]["content"]
        choice = {"index": 0, "message": {"role": "assistant", "content": said, "refusal": None}}
        usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        usage["prompt_tokens_details"] = {"cached_tokens": 2}
        made = {"id": "c", "object": "chat.completion", "model": asked["model"], "usage": usage}
        return json.dumps(made | {"choices": [choice | {"finish_reason": "stop"}]}).encode()


async def serve(plan: Mapping[str, Any]) -> None:
    """Serve on a free port of the loopback, and say which on stdout."""
    world = World(plan)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Wire(world), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(json.loads(sys.argv[1])))

"""endpoint: outages, limits and broken connections, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from flywheel.samplers.endpoint.concurrency import FIRST
from flywheel.samplers.sampler import Output
from tests.samplers.asking import ask, endpoint, request
from tests.samplers.mock_server import MockServer


def tried(rule: dict[str, Any], prompts: int = 1, **options: Any) -> tuple[list[Output], Any]:
    """What comes of prompts when the server does what the rule says."""
    with MockServer([rule]) as server:
        outputs = ask(endpoint(server.url, **options), *(f"p{i}" for i in range(prompts)))
        return outputs, server.stats()


@pytest.mark.parametrize(
    "rule",
    [
        {"status": 500},
        {"status": 502, "body": "<html>Bad gateway</html>"},
        {"status": 503},
        {"status": 408},
        {"status": 409},
        {"status": 429},
        {"fault": "drop"},
        {"fault": "reset"},
        {"fault": "half"},
        {"fault": "hang"},
        {"fault": "drip"},
    ],
    ids=str,
)
def test_what_passes_is_asked_again(rule: dict[str, Any]) -> None:
    (output,), stats = tried(rule | {"times": 2}, attempt_timeout=0.3)
    assert (output.text, output.error) == ("p0", None)
    assert stats["requests"] == 3


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
def test_a_refusal_of_the_request_is_never_asked_again(status: int) -> None:
    body = '{"error": {"message": "bad field", "code": "c"}}'
    (output,), stats = tried({"status": status, "body": body})
    assert (output.error or "").startswith(f"the endpoint answered {status}")
    assert stats["requests"] == 1


@pytest.mark.parametrize("manner", ["chunked", "close", "nolength"])
def test_every_way_to_end_a_body_is_read(manner: str) -> None:
    outputs, stats = tried({"fault": manner}, prompts=5, in_flight=1)
    assert [output.text for output in outputs] == ["p0", "p1", "p2", "p3", "p4"]
    assert stats["connections"] - 1 == (1 if manner == "chunked" else 5)


def test_one_items_400_is_that_items_error_only() -> None:
    with MockServer([{"when": "p3", "status": 400}]) as server:
        outputs = ask(endpoint(server.url), *(f"p{i}" for i in range(20)))
    assert [i for i, output in enumerate(outputs) if output.error] == [3]


def test_one_items_500_is_that_items_error_only() -> None:
    with MockServer([{"when": "p3", "status": 500}]) as server:
        outputs = ask(endpoint(server.url, in_flight=1), *(f"p{i}" for i in range(20)))
    assert [i for i, output in enumerate(outputs) if output.error] == [3]
    assert "gave up after 8 attempts" in (outputs[3].error or "")


def test_an_unreachable_endpoint_is_an_error_for_all_and_soon() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        started = time.monotonic()
        outputs = ask(endpoint(url), *(str(i) for i in range(300)))
    assert time.monotonic() - started < 60
    assert all("no connection to 127.0.0.1" in (output.error or "") for output in outputs)
    assert any("the endpoint is out" in (output.error or "") for output in outputs)


def test_an_unknown_host_is_an_error() -> None:
    (output,) = ask(endpoint("http://no-such-host.invalid/v1", attempts=2), "hi")
    assert "no connection to no-such-host.invalid:80" in (output.error or "")


def test_what_speaks_no_http_is_an_error() -> None:
    async def run() -> Output:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            async for _, output in endpoint(url, attempts=2).sample([request("hi")]):
                return output
        raise AssertionError("nothing came")

    assert "not HTTP/1" in (asyncio.run(run()).error or "")


def test_a_server_that_hangs_is_left_after_the_attempts_time() -> None:
    started = time.monotonic()
    (output,), stats = tried({"fault": "hang"}, attempt_timeout=0.2, attempts=3)
    assert time.monotonic() - started < 60
    assert stats["requests"] == 3
    assert (output.error or "").startswith("no answer came in time (0.2 s) (gave up after 3")


def test_429_for_ever_ends_at_the_total_time() -> None:
    started = time.monotonic()
    outputs, _ = tried({"status": 429, "body": "slow down"}, prompts=30, total_timeout=0.6)
    assert time.monotonic() - started < 60
    assert all(
        "answered 429 Too Many Requests: slow down" in (output.error or "") for output in outputs
    )


def test_a_spent_quota_is_not_waited_for() -> None:
    body = '{"error": {"message": "You exceeded", "code": "insufficient_quota"}}'
    (output,), stats = tried({"status": 429, "body": body})
    assert "insufficient_quota" in (output.error or "")
    assert stats["requests"] == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_holds_for_everybody(form: str) -> None:
    # A date has whole seconds: two from now are more than one away.
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2.5), usegmt=True)
    value = "1" if form == "seconds" else date
    rule = {"status": 429, "times": FIRST, "headers": {"Retry-After": value}}
    outputs, stats = tried(rule, prompts=FIRST + 16)
    assert all(output.error is None for output in outputs)
    arrivals = stats["arrivals"]
    # The first ones went out together; nobody asked before the second was over.
    assert arrivals[FIRST] - arrivals[FIRST - 1] > (0.9 if form == "seconds" else 0.4)
    assert stats["requests"] == 2 * FIRST + 16


def test_a_wait_that_is_longer_than_the_time_is_not_begun() -> None:
    started = time.monotonic()
    rule = {"status": 429, "headers": {"Retry-After": "3600"}}
    outputs, _ = tried(rule, prompts=50, total_timeout=10)
    assert time.monotonic() - started < 60
    assert all("asked to wait 3600 s more" in (output.error or "") for output in outputs)


def test_seconds_do_not_count_the_queue() -> None:
    with MockServer(latency=0.05) as server:
        outputs = ask(endpoint(server.url, in_flight=1), *"abcdefgh")
    assert all(0.04 < output.seconds < 0.2 for output in outputs)


def test_an_endpoint_that_comes_back_is_used_again() -> None:
    outputs, _ = tried({"fault": "drop", "times": 40}, prompts=100, in_flight=16)
    assert sum(output.error is None for output in outputs) == 100


def test_a_kept_connection_that_the_server_closed_costs_no_attempt() -> None:
    with MockServer([{"fault": "close", "times": 1}]) as server:
        outputs = ask(endpoint(server.url, in_flight=1, attempts=1), "a", "b")
    assert [output.text for output in outputs] == ["a", "b"]


def test_closing_the_iterator_leaves_no_task_and_no_socket() -> None:
    async def run(url: str) -> int:
        stream = endpoint(url).sample([request(str(i)) for i in range(50)])
        async for _ in stream:
            break
        await stream.aclose()
        return len(asyncio.all_tasks())

    with MockServer([{"when": '"7"', "latency": 0.0}, {"latency": 0.3}]) as server:
        tasks = asyncio.run(run(server.url))
        time.sleep(0.05)
        assert server.stats()["open"] == 0
    assert tasks == 1


def test_cancelling_the_reader_ends_the_work() -> None:
    async def run(url: str) -> None:
        async def read() -> None:
            async for _ in endpoint(url).sample([request(str(i)) for i in range(50)]):
                pass

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(), 0.2)
        assert len(asyncio.all_tasks()) == 1

    with MockServer([{"fault": "hang"}]) as server:
        asyncio.run(run(server.url))
        time.sleep(0.05)
        assert server.stats()["open"] == 0


def test_many_in_flight_cost_little_over_the_latency() -> None:
    with MockServer(latency=0.05) as server:
        started = time.monotonic()
        outputs = ask(endpoint(server.url, in_flight=200), *(str(i) for i in range(4000)))
        spent = time.monotonic() - started
        assert server.stats()["peak"] == 200
    assert all(output.error is None for output in outputs)
    # One after the other they would take 200 s; benchmarks/harness.py measures the pace.
    assert spent < 100

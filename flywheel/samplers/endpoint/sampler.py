"""endpoint: any OpenAI-compatible URL as a sampler. vLLM, SGLang, llama.cpp's server, a hosted API.

Requests go out over keep-alive connections, as many at once as the endpoint bears (`concurrency`).
What may pass is asked again with jitter (`retry`), until `attempts` or `total_timeout` is reached;
a 429 only by the time. When a request has used up its chances and nothing at all came through in
the meantime, the endpoint is out: what still waits in this call fails at once with the same story.

A refusal that holds for every request (a bad key, no such model) ends the call at once, unless
something was answered before. The key comes from an environment variable (`endpoint_key`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from flywheel.samplers.endpoint.concurrency import Throttle
from flywheel.samplers.endpoint.http import Answer, Broken, HttpClient, TimedOut, Unreachable
from flywheel.samplers.endpoint.key import check_url, read_key
from flywheel.samplers.endpoint.options import choose
from flywheel.samplers.endpoint.retry import Fault, backoff, fault_of, refuses_name
from flywheel.samplers.endpoint.wire import DIALECTS, Api, Garbage, read_answer
from flywheel.samplers.failures import NOT_ASKED
from flywheel.samplers.parallel import in_parallel
from flywheel.samplers.sampler import Output, Request
from flywheel.samplers.structured import checked

# An endpoint that never answered is more likely misspelt than restarting.
_ATTEMPTS_AT_A_STRANGER = 4
# So many refusals of a kind, before any answer, hold for every request. 0 is no connection at all.
_REFUSALS = {0: 1, 301: 3, 302: 3, 307: 3, 308: 3, 401: 1, 403: 3, 404: 3}

# The two names of the limit. OpenAI's newer models know the first only, older servers the second.
_OTHER = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
_NO_KEY = (
    " (no key was sent; --api-key-env, for a judge --judge-api-key-env, names the environment"
    " variable that holds it)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """Where to ask, as whom, and how patiently.

    `model` overrides the requests' own. `key_env` names the environment variable that holds the
    key; None is OPENAI_API_KEY, sent over https or to this machine only. `length_name` is the
    parameter that limits a chat answer; a server that refuses it as unknown gets the other name.
    `attempt_timeout` ends one attempt, `total_timeout` a request with all its attempts and waits;
    neither counts the time in our own queue. `first_wait` is the most seconds before the second
    attempt; it doubles from one to the next.
    """

    url: str
    model: str = ""
    api: Api = "chat"
    key_env: str | None = None
    in_flight: int = 64
    attempts: int = 8
    first_wait: float = 1.0
    attempt_timeout: float = 300.0
    total_timeout: float = 900.0
    length_name: str = "max_completion_tokens"


class EndpointSampler:
    """Asks one endpoint. Raises BadOption for a URL or a key that cannot be used.

    Connections last as long as some call of `sample`.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._dialect = DIALECTS[options.api]
        url = check_url(options.url)
        path = url.path.rstrip("/") + self._dialect.path
        self._url = url._replace(path=path, fragment="").geturl()
        self._key = read_key(options.url, options.key_env)
        self._heard = False
        self._length_name = options.length_name
        self._links: WeakKeyDictionary[asyncio.AbstractEventLoop, _Link] = WeakKeyDictionary()

    async def sample(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Output]]:
        """Answer every request once, as the answers come. Closing the iterator ends all work."""
        call = _Call()
        async with self._linked() as link:

            async def answer(request: Request) -> Output:
                return self._key.hide(await self._answer(request, call, link))

            # More than there are places: one that waits for its next attempt holds no place.
            most = 2 * self._options.in_flight + 4
            async with aclosing(in_parallel(requests, answer, most)) as outputs:
                async for output in outputs:
                    yield output

    @asynccontextmanager
    async def _linked(self) -> AsyncGenerator[_Link]:
        loop = asyncio.get_running_loop()
        if loop not in self._links:
            headers = {"User-Agent": "flywheel", **self._key.header()}
            client = HttpClient(self._url, headers)
            self._links[loop] = _Link(client, Throttle(self._options.in_flight))
        link = self._links[loop]
        link.users += 1
        try:
            yield link
        finally:
            await link.leave()

    async def _answer(self, request: Request, call: _Call, link: _Link) -> Output:
        model = self._options.model or request.model
        if request.reference is not None:
            told = "an endpoint cannot tell the loss of a given answer; use a local model"
            return Output(model=model, error=told)
        if not model:
            told = "no model is named; write it behind the URL: https://host/v1#model"
            return Output(error=told)
        name = self._length_name
        try:
            body = self._dialect.ask(request, model, name)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return Output(model=model, error=f"the request cannot be sent: {error}")
        answer = await self._deliver(body, call, link)
        if isinstance(answer, str) and refuses_name(answer, name):
            body = self._dialect.ask(request, model, _OTHER[name])
            second = await self._deliver(body, call, link)
            if isinstance(second, Answer):
                self._length_name, answer = _OTHER[name], second
        if isinstance(answer, str):
            return Output(model=model, error=answer)
        try:
            output, logprobs = read_answer(self._dialect, answer.body)
        except Garbage as error:
            return Output(model=model, error=str(error), seconds=answer.seconds)
        output = output._replace(model=output.model or model, seconds=answer.seconds)
        if request.options:
            return choose(output, logprobs, request.options)
        return output if output.refusal or output.tools else checked(output, request.schema)

    async def _deliver(self, body: bytes, call: _Call, link: _Link) -> Answer | str:
        """The answer to this body, or the story of why there is none."""
        loop = asyncio.get_running_loop()
        begun, first, attempts, counted = 0.0, loop.time(), 0, 0
        while True:
            asked = loop.time()
            await link.throttle.enter(front=attempts > 0)
            if call.outage and not attempts:
                link.throttle.release()
                return f"{NOT_ASKED}{call.outage}"
            # The time in our own queue is nobody's fault.
            begun = begun + loop.time() - asked if attempts else loop.time()
            first = first if attempts else begun
            attempts += 1
            answer = await self._attempt(body, begun, link)
            if isinstance(answer, Answer):
                call.note_answer(loop.time())
                return answer
            if not answer.again:
                call.note_refusal(loop.time(), answer.status, answer.story)
                return answer.story
            counted += not answer.patient
            wait = (
                backoff(attempts, self._options.first_wait) if answer.wait is None else answer.wait
            )
            spent = loop.time() - begun
            attempts_left = self._options.attempts
            if not self._heard:
                attempts_left = min(attempts_left, _ATTEMPTS_AT_A_STRANGER)
            if counted >= attempts_left or spent + wait >= self._options.total_timeout:
                story = f"{answer.story} (gave up after {attempts} attempts in {spent:.0f} s"
                story += f", asked to wait {wait:.0f} s more)" if answer.wait else ")"
                if call.heard_at < first:
                    call.outage = story
                return story
            if call.outage:
                return f"{answer.story} (not asked again: the endpoint is out)"
            if answer.wait is not None:
                link.throttle.pause(answer.wait)
            await asyncio.sleep(wait)

    async def _attempt(self, body: bytes, begun: float, link: _Link) -> Answer | Fault:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        left = begun + self._options.total_timeout - sent
        try:
            answer = await link.client.post(body, min(self._options.attempt_timeout, left))
        except Unreachable as error:
            fault = Fault(str(error), again=not error.for_good)
        except Broken as error:
            self._heard = True
            fault = Fault(str(error), again=True)
        except TimedOut as error:
            fault = Fault(f"{error} ({loop.time() - sent:.1f} s)", again=True, crowded=True)
        except BaseException:
            link.throttle.release()
            raise
        else:
            self._heard = True
            fault = fault_of(answer)
            if fault is None:
                link.throttle.leave(trouble=False, since=sent)
                return answer
            if fault.status == 401 and not self._key:
                fault = fault._replace(story=fault.story + _NO_KEY)
        if fault.crowded:
            link.throttle.leave(trouble=True, since=sent)
        else:
            link.throttle.release()
        return fault


class _Link:
    """What belongs to one event loop: the connections, the throttle, and who uses them."""

    def __init__(self, client: HttpClient, throttle: Throttle) -> None:
        self.client = client
        self.throttle = throttle
        self.users = 0

    async def leave(self) -> None:
        self.users -= 1
        if not self.users:
            self.client.close()
            # The loop closes an aborted socket at its next turn, that of a TLS one a turn later.
            for _ in range(3):
                await asyncio.sleep(0)


class _Call:
    """One call of `sample`: what the endpoint said so far, and whether it is out."""

    def __init__(self) -> None:
        self.outage = ""
        self.heard_at = float("-inf")
        self._answered = False
        self._refusals: Counter[int] = Counter()

    def note_answer(self, now: float) -> None:
        self.heard_at, self.outage, self._answered = now, "", True

    def note_refusal(self, now: float, status: int, story: str) -> None:
        self.heard_at = now
        self._refusals[status] += 1
        most = _REFUSALS.get(status)
        if most is None:
            self.outage = ""
        elif not self._answered and self._refusals[status] >= most:
            self.outage = story

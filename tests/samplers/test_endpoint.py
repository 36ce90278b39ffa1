"""endpoint: what goes over the wire, and what an answer means."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.samplers.endpoint.sampler import EndpointOptions, EndpointSampler
from flywheel.samplers.resolve import model_digest
from flywheel.samplers.sampler import Output
from graders.ungraded import Usage
from tests.samplers.asking import ask, endpoint, request
from tests.samplers.mock_server import MockServer

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

ERROR = "the answer is an error: over"
GAVE_UP = "the answer is an error: finish_reason 'error'"


def answered(body: Any, **options: Any) -> Output:
    """What an endpoint that answers with this body gives."""
    fields = options.pop("fields", {})
    with MockServer([{"body": body if isinstance(body, str) else json.dumps(body)}]) as server:
        (output,) = ask(endpoint(server.url, **options), "hi", **fields)
    return output


def chat(choice: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": "x"}, **choice}], **fields}


def sent(api: str, **fields: Any) -> dict[str, Any]:
    with MockServer() as server:
        ask(endpoint(server.url, api=api), "hi", **fields)
        return json.loads(server.stats()["bodies"][0])


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_every_request_gets_its_own_answer(api: str) -> None:
    prompts = [f"number {i} ü\u2028\ud800" for i in range(50)]
    with MockServer(latency=0.005) as server:
        outputs = ask(endpoint(server.url, api=api), *prompts)
        stats = server.stats()
    assert [output.text for output in outputs] == prompts
    assert {output.usage for output in outputs} == {Usage(5, 3, 2)}
    assert {output.model for output in outputs} == {"m"}
    assert all(0.005 <= output.seconds < 2 for output in outputs)
    assert stats["requests"] == 50
    assert stats["open"] == 0


def test_chat_sends_the_words_of_chat_completions() -> None:
    sampling = {"temperature": 0.5, "max_completions_tokens": 7, "seed": 1, "top_p": None}
    tool: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {}}}
    body = sent("chat", sampling=sampling, schema=SCHEMA, tools=[tool])
    named = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "seed": 1,
        "max_completion_tokens": 7,
        "tools": [tool],
        "response_format": {"type": "json_schema", "json_schema": named},
    }


def test_responses_sends_the_words_of_responses() -> None:
    sampling = {"max_completion_tokens": 7, "seed": 1, "reasoning_effort": "low"}
    tool: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {}}}
    body = sent("responses", sampling=sampling, schema=SCHEMA, tools=[tool])
    shape = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    assert body == {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}],
        "store": False,
        "max_output_tokens": 7,
        "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "name": "f", "parameters": {}}],
        "text": {"format": shape},
    }


def test_a_server_that_knows_max_tokens_only_gets_that() -> None:
    with MockServer() as server:
        sampler = endpoint(server.url, length_name="max_tokens", model="named")
        (output,) = ask(sampler, "hi", sampling={"max_completion_tokens": 9})
        body = json.loads(server.stats()["bodies"][0])
    assert body["max_tokens"] == 9
    assert output.model == "named"


@pytest.mark.parametrize(
    ("name", "other", "said"),
    [
        ("max_completion_tokens", "max_tokens", "Unsupported parameter: 'max_completion_tokens'"),
        ("max_completion_tokens", "max_tokens", "max_completion_tokens: extra_forbidden"),
        ("max_tokens", "max_completion_tokens", "'max_tokens' is not supported with this model."),
    ],
)
def test_a_server_that_refuses_the_name_of_the_limit_gets_the_other(
    name: str, other: str, said: str
) -> None:
    refusal = {"when": f'"{name}"', "status": 400, "body": json.dumps({"error": {"message": said}})}
    with MockServer([refusal]) as server:
        sampler = endpoint(server.url, length_name=name, in_flight=1)
        outputs = ask(sampler, "a", sampling={"max_tokens": 9})
        outputs += ask(sampler, "b", "c", sampling={"max_tokens": 9})
        bodies = [json.loads(body) for body in server.stats()["bodies"]]
    assert [output.error for output in outputs] == [None, None, None]
    assert [body.get(other) for body in bodies] == [None, 9, 9, 9]


def test_a_limit_that_is_too_large_is_not_asked_again_under_another_name() -> None:
    said = {"error": {"message": "max_completion_tokens is too large: this model supports 10"}}
    refusal = {"when": '"max_completion_tokens"', "status": 400, "body": json.dumps(said)}
    with MockServer([refusal]) as server:
        (output,) = ask(endpoint(server.url), "a", sampling={"max_tokens": 99})
        assert len(server.stats()["bodies"]) == 1
    assert "too large" in (output.error or "")


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"finish_reason": "length"}, {"text": "x", "truncated": True}),
        ({"message": {"content": None, "refusal": "no"}}, {"text": "", "refusal": "no"}),
        ({"finish_reason": "content_filter"}, {"refusal": "the endpoint filtered the answer"}),
        ({"message": {"content": None}}, {"text": "", "error": None}),
        ({"message": {"content": [{"type": "text", "text": "y"}]}}, {"text": "y"}),
        ({"finish_reason": "length", "message": {}}, {"text": "", "truncated": True}),
        ({"finish_reason": "model_length"}, {"text": "x", "truncated": True}),
        ({"finish_reason": "content_filter", "message": {}}, {"text": "", "error": None}),
        ({"message": {"refusal": "no"}}, {"text": "", "refusal": "no"}),
        ({"message": {"tool_calls": [{"id": "1"}]}}, {"text": "", "tools": ({"id": "1"},)}),
    ],
)
def test_what_a_chat_answer_means(choice: dict[str, Any], wanted: dict[str, Any]) -> None:
    output = answered(chat(choice))
    assert {name: getattr(output, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("count", "read"),
    [
        (7, 7),
        (7.0, 7),
        (10**9, 10**9),
        (10**9 + 1, 0),
        (2**63 - 1, 0),
        (-1, 0),
        (1.5, 0),
        (1e300, 0),
        ("7", 0),
        (None, 0),
        (True, 0),
        ([7], 0),
    ],
)
def test_an_implausible_count_of_tokens_is_unknown(count: Any, read: int) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": count}
    details = {"prompt_tokens_details": {"cached_tokens": count}}
    assert answered(chat({}, usage={**usage, **details})).usage == Usage(read, read, read)
    named = {"input_tokens": count, "output_tokens": count, "input_tokens_details": count}
    body: dict[str, Any] = {"output": [], "usage": named}
    assert answered(body, api="responses").usage == Usage(read, read, 0)
    assert answered(chat({}, usage=count)).usage == Usage()


def test_what_a_response_means() -> None:
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}
    thought: dict[str, Any] = {"type": "reasoning", "summary": []}
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    said = {"type": "message", "content": [{"type": "output_text", "text": "x"}]}
    output = answered(
        {
            "output": [thought, said, call],
            "incomplete_details": {"reason": "max_output_tokens"},
        },
        api="responses",
    )
    assert (output.text, output.truncated) == ("x", True)
    function = {"name": "f", "arguments": "{}"}
    assert output.tools == ({"id": "c", "type": "function", "function": function},)
    assert answered({"output": [refusal]}, api="responses").refusal == "no"
    failed = answered({"status": "failed", "error": {"message": "boom"}}, api="responses")
    assert failed.error == "the answer is an error: boom"


@pytest.mark.parametrize(
    ("body", "story"),
    [
        ("", "the answer is not JSON: nothing"),
        ("<html>Sign in</html>", "the answer is not JSON: <html>Sign in</html>"),
        ('{"choices": [', "the answer is not JSON"),
        ("[1, 2]", r"the answer is no object: \[1, 2\]"),
        ("{}", "the answer has another shape: {}"),
        ('{"choices": []}', "the answer has another shape"),
        ('{"choices": [{"message": {}}]}', "the answer has another shape"),
        ('{"choices": [{"message": {"content": 3}}]}', "the answer has another shape"),
        ('{"choices": "no"}', "the answer has another shape"),
        ('{"error": {"message": "over"}}', ERROR),
        ('{"choices": [{"error": {"message": "over"}, "message": {"content": ""}}]}', ERROR),
        ('{"choices": [{"error": "over", "finish_reason": "error"}]}', ERROR),
        ('{"choices": [{"finish_reason": "error", "message": {"content": "half"}}]}', GAVE_UP),
        ('{"choices": NaN}', "the answer is not JSON"),
        ("[" * 100_000, "the answer is not JSON"),
    ],
)
def test_garbage_is_an_error_that_names_what_came(body: str, story: str) -> None:
    with MockServer([{"body": body}]) as server:
        (output,) = ask(endpoint(server.url), "hi")
    with pytest.raises(AssertionError, match=f"^{story}"):
        raise AssertionError(output.error)
    assert len(output.error or "") < 400


def test_an_answer_that_breaks_its_schema_says_so_and_is_no_error() -> None:
    fine = answered(chat({"message": {"content": '{"n": 1}'}}), fields={"schema": SCHEMA})
    broken = answered(chat({"message": {"content": '{"n": "1"}'}}), fields={"schema": SCHEMA})
    assert (fine.violation, fine.error) == (None, None)
    assert broken.violation == "$.n: wanted integer, got '1'"
    assert (broken.text, broken.error) == ('{"n": "1"}', None)


def scored(listed: dict[str, float], *options: str, api: str = "chat") -> Output:
    entries = [{"token": token, "logprob": value} for token, value in listed.items()]
    logprobs = [{"token": "A", "logprob": -0.1, "top_logprobs": entries}]
    part = {"type": "output_text", "text": "A", "logprobs": logprobs}
    body = (
        chat({"logprobs": {"content": logprobs}})
        if api == "chat"
        else {"output": [{"type": "message", "content": [part]}]}
    )
    return answered(body, api=api, fields={"options": options})


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_options_are_scored_by_the_first_token(api: str) -> None:
    output = scored({"B": -0.5, " A": -1.0, "C": -3.0}, "A", "B", "D", api=api)
    assert output.text == "B"
    # D is not listed: it is no likelier than the last that is.
    assert output.option_nats == pytest.approx((1.0, 0.5, 3.0))
    assert output.option_tokens == (1, 1, 1)


def test_an_endpoint_that_cannot_score_options_says_so() -> None:
    error = answered(chat({}), fields={"options": ["A", "B"]}).error
    assert error == "the endpoint gave no log-probabilities, so options cannot be scored"
    assert "'Paris' is more than one token" in (scored({"Par": -0.1}, "Paris", "Rome").error or "")
    assert "no option is among" in (scored({"The": -0.1}, "A", "B").error or "")


def test_an_endpoint_cannot_tell_the_loss_of_a_reference() -> None:
    (output,) = ask(endpoint("http://127.0.0.1:9/v1"), "hi", reference="ho")
    assert "use a local model" in (output.error or "")


def test_a_request_that_is_no_json_is_that_requests_error() -> None:
    with MockServer() as server:
        sampler = endpoint(server.url)
        (output,) = ask(sampler, "hi", sampling={"temperature": float("nan")})
        assert "cannot be sent" in (output.error or "")
        assert server.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("url", "story"),
    [
        ("ftp://host/v1", "(is not a URL|no model)"),
        ("http://", "is not a URL"),
        ("http://host:x/v1", "is not a URL"),
        ("http://ho st/v1", "is not a URL"),
        ("http://host/v1\r\nX: y", "is not a URL"),
        ("http://user:secret@host/v1", "would end up in logs"),
        ("http://user:se#secret@host/v1", "is not a URL"),
        ("http://user:secret/a@host/v1", "is not a URL"),
        ("http://secret@host/v1#m", "would end up in logs"),
        ("https://host/v1?api_key=secret#m", "'api_key', which would end up in logs"),
        ("https://host/v1?Access-Token=secret", "would end up in logs"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, story: str) -> None:
    with pytest.raises(BadOption, match=story) as caught:
        endpoint(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(BadOption) as caught:
        model_digest(url)
    assert "secret" not in str(caught.value)


def test_connections_are_closed_after_each_call() -> None:
    async def twice(sampler: EndpointSampler) -> None:
        for _ in range(2):
            async for _ in sampler.sample([request("a"), request("b")]):
                pass

    with MockServer() as server:
        asyncio.run(twice(EndpointSampler(EndpointOptions(url=server.url))))
        stats = server.stats()
    assert stats["connections"] - 1 == 4
    assert stats["open"] == 0


def test_an_answer_keeps_what_came_beside_its_text() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "completion_tokens_details": {"r": 1}}
    more = {"id": "chatcmpl-1", "created": 7, "system_fingerprint": "fp", "usage": usage}
    thought = {"message": {"content": "x", "reasoning_content": "hm", "tool_calls": None}}
    output = answered(chat({**thought, "finish_reason": "stop"}, model="m-2", **more))
    assert (output.model, output.finish_reason) == ("m-2", "stop")
    assert json.loads(output.response or "") == {**more, "message": {"reasoning_content": "hm"}}
    said = {"type": "message", "content": [{"type": "output_text", "text": "x"}]}
    called = {"type": "function_call", "name": "f", "arguments": "{}"}
    for items, details, ended in (
        ([said], None, "stop"),
        ([said, called], None, "tool_calls"),
        ([said], {"reason": "max_output_tokens"}, "length"),
    ):
        body = {"id": "resp_1", "output": items, "incomplete_details": details}
        output = answered(body, api="responses")
        assert output.finish_reason == ended
        assert json.loads(output.response or "")["id"] == "resp_1"


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({"id": "a", "long": "x" * 9_000}, {"id": "a", "cut": True}),
        ({"id": "a", "long": [1] * 9_000}, {"id": "a", "cut": True}),
        ({f"k{n}": "x" * 150 for n in range(100)}, {"cut": True}),
    ],
)
def test_what_came_beside_an_answer_is_bounded(more: dict[str, Any], kept: dict[str, Any]) -> None:
    output = answered(chat({"finish_reason": "stop"}, **more))
    assert (output.text, json.loads(output.response or "")) == ("x", kept)

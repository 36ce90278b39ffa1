"""endpoint_key: where a key goes, and that it comes back nowhere."""

from __future__ import annotations

import base64
import json
import pickle
from urllib.parse import quote

import pytest

from flywheel.errors import BadOption
from flywheel.samplers.endpoint.key import Key, read_key
from tests.samplers.asking import ask, endpoint
from tests.samplers.mock_server import MockServer

SECRET = "sk-proj-A1b2+C3d4/E5f6=G7h8J9k0L1m2N3p4"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-open-0123456789abcdef")
    monkeypatch.setenv("MY_KEY", SECRET)
    monkeypatch.setenv("ODD_KEY", "a\nb: c")
    monkeypatch.delenv("NO_KEY", raising=False)


def test_the_named_key_is_sent_else_the_default_one() -> None:
    with MockServer() as server:
        ask(endpoint(server.url), "hi")
        ask(endpoint(server.url, key_env="MY_KEY"), "hi")
        heads = server.stats()["heads"]
    assert "Authorization: Bearer sk-open-0123456789abcdef" in heads[0]
    assert f"Authorization: Bearer {SECRET}" in heads[1]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://api.openai.com/v1", True),
        ("https://other.example/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://gpu-box:8000/v1", False),
        ("http://10.0.0.7/v1", False),
        ("http://localhost.evil.example/v1", False),
    ],
)
def test_the_default_key_is_never_sent_in_the_clear(url: str, sent: bool) -> None:
    assert bool(read_key(url, None)) is sent
    assert read_key(url, "MY_KEY")


def test_without_a_default_key_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with MockServer([{"status": 401, "body": "who are you"}]) as server:
        (output,) = ask(endpoint(server.url), "hi")
        assert "Authorization" not in server.stats()["heads"][0]
    assert "(no key was sent; --api-key-env, for a judge" in (output.error or "")


def test_a_redirect_is_not_followed() -> None:
    with MockServer() as other:
        where = {"Location": f"{other.url}/chat/completions"}
        with MockServer([{"status": 307, "headers": where}]) as server:
            (output,) = ask(endpoint(server.url, key_env="MY_KEY"), "hi")
        assert other.stats()["requests"] == 0
    assert "answered 307 Temporary Redirect and points to" in (output.error or "")


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("NO_KEY", "'NO_KEY', which should hold the key, is not set"),
        ("ODD_KEY", "'ODD_KEY' has odd characters"),
        ("sk-secret-0123", "wanted the name of an environment variable"),
        ("gsk_secret0123", "the environment variable of that name"),
        ("", "wanted the name of an environment variable"),
        ("A=B", "wanted the name of an environment variable"),
    ],
)
def test_a_name_without_a_key_is_refused_and_may_be_the_key(name: str, story: str) -> None:
    with pytest.raises(BadOption, match=story) as caught:
        endpoint("http://host/v1", key_env=name)
    assert "secret" not in str(caught.value)


def test_a_url_that_has_the_key_in_it_is_refused() -> None:
    with pytest.raises(BadOption, match="has the key in it") as caught:
        read_key(f"https://host/{quote(SECRET, safe='')}/v1", "MY_KEY")
    assert "sk-proj" not in str(caught.value)


@pytest.mark.parametrize(
    "echo",
    [
        SECRET,
        SECRET[:20],
        SECRET[-20:],
        SECRET[7:15],
        f"{SECRET}{SECRET[:9]}",
        quote(SECRET, safe=""),
        quote(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(f"user:{SECRET}".encode()).decode(),
        base64.b64encode(f"Bearer {SECRET}".encode()).decode()[:30],
        SECRET.encode().hex(),
        "x" * 240 + SECRET,
    ],
)
@pytest.mark.parametrize("place", ["message", "plain", "location", "json", "error"])
def test_what_a_server_repeats_of_the_key_is_in_no_error(echo: str, place: str) -> None:
    message = json.dumps({"error": {"message": f"Incorrect API key provided: {echo}."}})
    rule = {
        "message": {"status": 401, "body": message},
        "plain": {"status": 403, "body": f"<b>{echo}</b>"},
        "location": {"status": 302, "headers": {"Location": f"https://x/?k={echo}"}},
        "json": {"status": 200, "body": f"no JSON {echo}"},
        "error": {"status": 200, "body": message},
    }[place]
    with MockServer([rule]) as server:
        (output,) = ask(endpoint(server.url, key_env="MY_KEY"), "hi")
    error = output.error or ""
    assert "[the key]" in error
    forms = [SECRET, SECRET.encode().hex(), base64.b64encode(SECRET.encode()).decode()]
    parts = {form[i : i + 8] for form in forms for i in range(len(form) - 7)}
    assert not [part for part in parts if part in error]


def test_an_answer_that_has_the_whole_key_in_it_loses_it() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": SECRET}}
    message = {"content": f"You are {SECRET}!", "tool_calls": [call], "refusal": SECRET}
    body = json.dumps({"model": SECRET, "choices": [{"message": message}]})
    with MockServer([{"body": body}]) as server:
        (output,) = ask(endpoint(server.url, key_env="MY_KEY"), "hi")
    assert SECRET not in repr(output)
    assert output.text == "You are [the key]!"


def test_a_key_that_is_a_word_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "ollama")
    with MockServer() as server:
        (output,) = ask(endpoint(server.url, key_env="MY_KEY"), "say ollama")
    assert output.text == "say ollama"


def test_a_key_is_never_shown_nor_pickled() -> None:
    key = Key(SECRET)
    assert SECRET not in f"{key!r} {key}"
    with pytest.raises(TypeError, match="never written down"):
        pickle.dumps(key)
    assert SECRET not in repr(endpoint("http://127.0.0.1:1/v1", key_env="MY_KEY"))

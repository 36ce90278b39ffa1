"""python:FILE.py:FUNCTION: what is measured is the user's own function, whatever it does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.samplers.python.sampler import PythonSampler
from flywheel.samplers.resolve import model_digest, open_sampler
from flywheel.samplers.sampler import Output, Request
from tests.cli.command import flywheel
from tests.evals.world import write_evalset

PIPELINE = """
import asyncio, functools, os, signal, subprocess, sys, time
from pathlib import Path

def last(messages):
    return messages[-1]["content"]

def echo(messages):
    print("noise on standard output")
    return last(messages)

def of_item(messages, item):
    return item["gold"]

def of_request(messages, item, request):
    return str(request["sampling"]["temperature"]) + request["model"]

def own_setting(messages, temperature="own", item="none"):
    return temperature + item

def named_item(messages, item=None, request=None, *, other=1):
    return item["gold"] + request["model"]

def message(messages):
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {"content": None, "tool_calls": [call], "usage": {"prompt_tokens": 7}, "model": "m-1"}

class Agent:
    async def __call__(self, messages):
        await asyncio.sleep(0.5)
        return last(messages)

agent = Agent()

def runs_a_loop(messages):
    return asyncio.run(agent(messages))

async def two(before, messages):
    return before + last(messages)

partial = functools.partial(two, "a ")

@functools.cache
def cached():
    return lambda messages: two("a ", messages)

decorated = cached()

class Stop(BaseException):
    def __str__(self):
        raise ValueError("not even this")

async def stops(messages):
    raise asyncio.CancelledError if last(messages) == "cancel" else Stop

def with_child(messages):
    if os.fork() == 0:
        os.setsid()
        time.sleep(20)
        os._exit(0)
    os._exit(5)

def nested(messages):
    sys.setrecursionlimit(100_000)
    found = {}
    for _ in range(3000):
        found = {"a": found}
    return {"content": "x", "usage": found}

def imports(messages):
    import retry

def odd(messages):
    said = last(messages)
    if said == "raise":
        raise ValueError("no\\nmore lines")
    if said == "exit":
        sys.exit("that was it")
    if said == "die":
        os._exit(3)
    if said == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if said == "hang":
        subprocess.Popen(["sleep", "1234"])
        time.sleep(1000)
    if said == "fork":
        if os.fork() == 0:
            return "from the child"
        time.sleep(0.3)
        return "from the parent"
    if said == "close":
        os.closerange(3, 256)
    return {"bytes": b"x", "none": None, "parts": {"content": [{"type": "text", "text": "ok"}]},
            "number": 4, "nan": {"content": 1}, "fine": "fine"}.get(said, said)

def dies(messages):
    os._exit(1)

async def blocks(messages):
    if last(messages) == "hang":
        time.sleep(1000)
    await asyncio.sleep(0.1)
    return "ok"
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("user") / "pipeline.py"
    path.write_text(PIPELINE)
    return path


def requests(*texts: str, **fields: Any) -> list[Request]:
    return [Request("m", [{"role": "user", "content": text}], **fields) for text in texts]


def sampled(sampler: PythonSampler, asked: Sequence[Request]) -> list[Output]:
    async def all_of_them() -> dict[int, Output]:
        return {index: output async for index, output in sampler.sample(asked)}

    found = asyncio.run(all_of_them())
    assert len(found) == len(asked)
    return [found[i] for i in range(len(asked))]


def test_a_function_gets_what_it_takes(file: Path) -> None:
    fields: dict[str, Any] = {"sampling": {"temperature": 0.5}, "item": {"gold": "4"}}
    answers = {"echo": "hi", "of_item": "4", "of_request": "0.5m"}
    answers |= {"own_setting": "ownnone", "named_item": "4m"}
    for name, text in answers.items():
        (found,) = sampled(PythonSampler(file, name), requests("hi", **fields))
        assert (found.text, found.error, found.model) == (text, None, f"pipeline.py:{name}")


def test_a_message_is_read_as_an_endpoint_s_answer(file: Path) -> None:
    (found,) = sampled(PythonSampler(file, "message"), requests("x"))
    assert (found.text, found.model, found.usage.prompt_tokens) == ("", "m-1", 7)
    assert found.tools[0]["function"]["name"] == "f"


def test_an_async_function_is_asked_many_times_at_once(file: Path) -> None:
    texts = [str(n) for n in range(40)]
    begun = time.monotonic()
    found = sampled(PythonSampler(file, "agent"), requests(*texts))
    assert [output.text for output in found] == texts
    assert time.monotonic() - begun < 15, "one after the other they take 20 seconds"


@pytest.mark.parametrize(
    ("name", "answer"),
    [("runs_a_loop", "x"), ("partial", "a x"), ("decorated", "a x")],
)
def test_a_function_may_run_a_loop_or_return_what_is_awaited(
    file: Path, name: str, answer: str
) -> None:
    (found,) = sampled(PythonSampler(file, name), requests("x"))
    assert (found.text, found.error) == (answer, None)


@pytest.mark.parametrize(
    ("name", "said", "error"),
    [
        ("stops", "cancel", "CancelledError: "),
        ("stops", "stop", "Stop: "),
        ("with_child", "x", "its process ended with exit code 5"),
        ("nested", "x", "its process was ended by SIGKILL"),
        ("imports", "x", "ModuleNotFoundError: No module named 'retry'"),
    ],
)
def test_no_end_of_a_call_is_waited_for_in_vain(
    file: Path, name: str, said: str, error: str
) -> None:
    (found,) = sampled(PythonSampler(file, name, seconds=15), requests(said))
    assert found.error and found.error.startswith(error), found


def test_a_function_that_reads_nothing_does_not_block_who_asks(file: Path) -> None:
    sampler = PythonSampler(file, "blocks", seconds=2)
    found = sampled(sampler, requests(*["hang"] * 3, *["x" * 500_000] * 3))
    assert found[0].error == "no answer in 2 s"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("raise", "ValueError: no (pipeline.py:76)"),
        ("exit", "SystemExit: that was it (pipeline.py:78)"),
        ("die", "its process ended with exit code 3"),
        ("killed", "its process was ended by SIGKILL"),
        ("hang", "no answer in 2 s"),
        ("bytes", "TypeError: it returned bytes: b'x'; wanted text, or a message with content"),
        ("none", "TypeError: it returned NoneType: None; wanted text"),
        ("number", "TypeError: it returned int: 4; wanted text"),
        ("nan", "the message cannot be read: the answer has another shape"),
        ("close", "its process "),  # it ends by itself, or is ended where the machine is busy
    ],
)
def test_what_goes_wrong_costs_one_request(file: Path, said: str, error: str) -> None:
    sampler = PythonSampler(file, "odd", seconds=2)
    before, bad, after = sampled(sampler, requests("fine", said, "fine"))
    assert (before.text, after.text, after.error) == ("fine", "fine", None)
    assert bad.error and bad.error.startswith(error), bad


def test_a_fork_inside_answers_once(file: Path) -> None:
    fork, parts, fine = sampled(PythonSampler(file, "odd"), requests("fork", "parts", "fine"))
    assert fork.text in ("from the child", "from the parent")
    assert (parts.text, fine.text) == ("ok", "fine")


def test_what_a_hanging_function_has_started_ends_with_it(file: Path) -> None:
    sampled(PythonSampler(file, "odd", seconds=1), requests("hang"))
    for _ in range(50):
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        if "sleep 1234" not in listed.stdout:
            return
        time.sleep(0.1)
    raise AssertionError("sleep 1234 is still there")


def test_a_function_that_always_ends_its_process_is_given_up(file: Path) -> None:
    found = sampled(PythonSampler(file, "dies"), requests(*"abcdefgh"))
    assert [str(output.error).split(":")[0] for output in found] == [
        *["its process ended with exit code 1"] * 3,
        *["not asked"] * 5,
    ]


def test_one_that_always_hangs_is_given_up_too_and_asked_again_by_the_next_run(
    tmp_path: Path,
) -> None:
    path, mended = tmp_path / "hangs.py", tmp_path / "mended"
    path.write_text(
        "import time\nfrom pathlib import Path\n"
        f"def f(messages):\n    while not Path({str(mended)!r}).exists(): time.sleep(0.1)\n"
        "    return 'well'\n"
    )
    sampler = PythonSampler(path, "f", seconds=1)
    errors = [output.error or "" for output in sampled(sampler, requests(*"abcde"))]
    assert (
        errors == ["no answer in 1 s"] * 3 + ["not asked: 3 calls in a row ended the process"] * 2
    )
    mended.touch()
    assert [output.text for output in sampled(sampler, requests("a"))] == ["well"]
    sampler.close()


def test_an_async_function_that_blocks_costs_those_beside_it(file: Path) -> None:
    sampler = PythonSampler(file, "blocks", in_flight=2, seconds=2)
    found = sampled(sampler, requests("hang", *"abcd"))
    assert found[0].error == "no answer in 2 s"
    assert [output.text for output in found[2:]] == ["ok"] * 3


@pytest.mark.parametrize(
    ("source", "name", "story"),
    [
        ("def f(:\n", "f", "SyntaxError"),
        ("import nowhere_to_be_found\n", "f", "ModuleNotFoundError: No module named"),
        ("g = 1\ndef h(): pass\n", "f", "no function 'f' in it; there are h"),
        ("import os\nos._exit(7)\n", "f", "its process ended with exit code 7"),
        ("raise SystemExit(1)\n", "f", "SystemExit: 1 (bad.py:1)"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_refused(
    tmp_path: Path, source: str, name: str, story: str
) -> None:
    path = tmp_path / "bad.py"
    path.write_text(source)
    with pytest.raises(BadOption, match="cannot be loaded") as refusal:
        sampled(PythonSampler(path, name), requests("x"))
    assert story in str(refusal.value)


def test_names_are_read_and_told_apart(file: Path, tmp_path: Path) -> None:
    assert isinstance(open_sampler(f"python:{file}:echo"), PythonSampler)
    for name in ("python:", f"python:{file}", "python:x.py:", "python:x.py:a b"):
        with pytest.raises(BadOption, match=r"wanted python:FILE\.py:FUNCTION, got"):
            open_sampler(name)
    with pytest.raises(BadOption, match=r"no file .nowhere\.py."):
        open_sampler("python:nowhere.py:f")
    digests = {model_digest(f"python:{file}:{name}") for name in ("echo", "of_item")}
    other = tmp_path / "pipeline.py"
    other.write_text(PIPELINE + "#")
    assert len(digests | {model_digest(f"python:{other}:echo")}) == 3


def test_the_bytes_that_run_are_those_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    path = tmp_path / "edited.py"
    for answer in "AB":  # of one size and one time, as __pycache__ tells sources apart
        path.write_text(f"def f(messages): return '{answer}'\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        (found,) = sampled(PythonSampler(path, "f"), requests("x"))
        assert found.text == answer
    sampler = PythonSampler(path, "f")
    path.write_text("def f(messages): return 'C'\n")
    with pytest.raises(BadOption, match="changed since the run began"):
        sampled(sampler, requests("x"))


def test_a_function_scores_no_options(file: Path) -> None:
    (found,) = sampled(PythonSampler(file, "echo"), requests("x", options=("a", "b")))
    assert found.error == "a function cannot score options or references"


def test_a_run_measures_a_function_and_goes_on(file: Path, tmp_path: Path) -> None:
    prompt = [{"role": "user", "content": "{{ item.gold }}"}]
    folder = write_evalset(tmp_path / "e", items=30, prompt=prompt)
    flaky = tmp_path / "flaky.py"
    flaky.write_text(
        "from pathlib import Path\n"
        "def answer(messages, item):\n"
        "    if item['gold'] == '7' and not Path('mended').exists():\n"
        "        raise RuntimeError('out')\n"
        "    print('chatter')\n"
        "    return messages[0]['content']\n"
    )
    words = ("eval", folder, "-m", "python:flaky.py:answer", "--json")
    first = flywheel(*words, cwd=tmp_path)
    found = json.loads(first.stdout)
    assert (first.returncode, found["n"], found["errors"]) == (4, 29, 1)
    assert found["failures"][0]["reason"].startswith("RuntimeError: out (flaky.py:4)")
    (tmp_path / "mended").touch()
    done = flywheel("eval", folder, "--resume", found["run"], "--json", cwd=tmp_path)
    again = json.loads(done.stdout)
    assert (done.returncode, again["n"], again["primary"]["mean"]) == (0, 30, 1.0)


def test_the_process_ends_with_the_one_that_asks_it(file: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from flywheel.samplers.python.sampler import PythonSampler\n"
        "sampler = PythonSampler(Path(sys.argv[1]), 'echo')\n"
        "print(asyncio.run(sampler._loaded())._link._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    for _ in range(100):
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("the process outlived its parent")


def test_an_interrupt_does_not_wait_for_the_file(tmp_path: Path) -> None:
    path = tmp_path / "slow.py"
    path.write_text("import time\ntime.sleep(60)\ndef f(messages): pass\n")

    async def some_time() -> None:
        async for _ in PythonSampler(path, "f").sample(requests("x")):
            pass

    async def cut() -> None:
        await asyncio.wait_for(some_time(), 0.3)

    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(cut())
    assert time.monotonic() - begun < 30

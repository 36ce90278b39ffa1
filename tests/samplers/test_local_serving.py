# pyright: standard
"""A local model that streams and serves many callers, in this process and in one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from flywheel.errors import BadOption
from flywheel.samplers.delta import Delta
from flywheel.samplers.local.decode import Row
from flywheel.samplers.local.load import LocalOptions, load
from flywheel.samplers.local.sampler import LocalSampler
from flywheel.samplers.local.serving.process import ModelProcess
from flywheel.samplers.local.serving.stream import Pieces
from flywheel.samplers.sampler import Output, Request
from tests.samplers.asking import ask, request
from tests.samplers.models import trained_adapter

# peft still asks transformers for an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
Folders = Callable[[str], Path]
PROMPTS = [f"What is the capital of number {i}? " + "yes no " * (i % 9) for i in range(8)]
LONG = {"max_completion_tokens": 30}
DRAWN = {"temperature": 1.0, "seed": 7, **LONG}


def sampler(folder: Path, **options: Any) -> LocalSampler:
    return LocalSampler(LocalOptions(name=str(folder), **options))


@pytest.fixture(scope="module", params=[False, True], ids=["in a thread", "in a process"])
def llama(request: pytest.FixtureRequest, folders: Folders) -> Any:
    model = sampler(folders("llama"), own_process=request.param)
    yield model
    model.close()


async def read(model: LocalSampler, of: Request, adapter: str | None = None) -> list[Delta]:
    return [delta async for delta in model.submit(of, adapter)]


def streamed(model: LocalSampler, *requests: Request) -> list[list[Delta]]:
    """The deltas of requests that are submitted together."""

    async def all_of_them() -> list[list[Delta]]:
        return await asyncio.gather(*(read(model, one) for one in requests))

    return asyncio.run(all_of_them())


def text(deltas: Sequence[Delta], choice: int = 0) -> str:
    return "".join(delta.text for delta in deltas if delta.choice == choice)


@pytest.mark.parametrize("sampling", [LONG, DRAWN, {**LONG, "stop": ["e", "is"]}])
def test_the_pieces_of_an_answer_are_the_answer(llama: LocalSampler, sampling: Any) -> None:
    whole = ask(llama, *PROMPTS, sampling=sampling)
    pieces = streamed(llama, *(request(prompt, sampling=sampling) for prompt in PROMPTS))
    assert [text(deltas) for deltas in pieces] == [output.text for output in whole]
    last = [deltas[-1] for deltas in pieces]
    ends = ["length" if output.truncated else "stop" for output in whole]
    assert [delta.finish for delta in last] == ends
    assert [delta.usage for delta in last] == [output.usage for output in whole]
    assert all(delta.finish is None for deltas in pieces for delta in deltas[:-1])
    assert max(len(deltas) for deltas in pieces) > 3


def test_several_answers_to_a_request_differ_and_repeat(llama: LocalSampler) -> None:
    wanted = request(PROMPTS[0], sampling={**DRAWN, "n": 4})
    first, again = streamed(llama, wanted)[0], streamed(llama, wanted)[0]
    answers = [text(first, choice) for choice in range(4)]
    assert answers == [text(again, choice) for choice in range(4)]
    assert len(set(answers)) == 4
    assert answers[0] == ask(llama, PROMPTS[0], sampling=DRAWN)[0].text
    assert sorted(delta.choice for delta in first if delta.finish) == [0, 1, 2, 3]


def test_the_chances_of_tokens_are_those_of_the_model(
    llama: LocalSampler, folders: Folders
) -> None:
    import torch

    sampling = {**DRAWN, "logprobs": True, "top_logprobs": 3}
    (deltas,) = streamed(llama, request(PROMPTS[2], sampling=sampling))
    tokens = [token for delta in deltas for token in delta.tokens]
    assert len(tokens) == deltas[-1].usage.completion_tokens
    loaded = load(LocalOptions(name=str(folders("llama"))))
    turns = [{"role": "user", "content": PROMPTS[2]}]
    prompt = loaded.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids = loaded.tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        chances = loaded.model(input_ids=ids).logits[0, -1].log_softmax(-1)
    assert tokens[0].logprob in [pytest.approx(float(one), abs=1e-4) for one in chances]
    best = [float(one) for one in chances.topk(3).values]
    assert [chance for _, chance in tokens[0].top] == pytest.approx(best, abs=1e-4)


def test_an_answer_that_nobody_reads_leaves_the_batch(folders: Folders) -> None:
    loaded = load(LocalOptions(name=str(folders("llama"))))
    whole, rows = loaded.model.forward, list[int]()

    def forward(input_ids: Any, **more: Any) -> Any:
        rows.append(len(input_ids))
        return whole(input_ids=input_ids, **more)

    loaded.model.forward = forward
    model = LocalSampler(LocalOptions(name="m"), loaded._replace(eos=frozenset()))
    endless = {"max_completion_tokens": 200}

    async def run() -> str:
        async with aclosing(model.submit(request("a", sampling=endless))) as left:
            await anext(left)
            stays = asyncio.create_task(read(model, request("b", sampling=endless)))
            async for _ in left:
                if 2 in rows:
                    break
        return text(await stays)

    joined = asyncio.run(run())
    together = rows.index(2)
    assert 1 in rows[together:], "the first left before the second ended"
    assert joined == ask(model, "b", sampling=endless)[0].text
    assert len(rows) < 3 * 200, "it was not decoded to its end"


@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_a_late_request_ends_before_a_long_one(family: str, folders: Folders) -> None:
    model = sampler(folders(family))
    wanted = [o.text for o in ask(model, *PROMPTS, sampling=LONG)]
    order: list[int] = []

    async def late(number: int) -> str:
        await asyncio.sleep(0.01 * number)
        found = text(await read(model, request(PROMPTS[number], sampling=LONG)))
        order.append(number)
        return found

    async def run() -> list[str]:
        return await asyncio.gather(*(late(number) for number in range(len(PROMPTS))))

    assert asyncio.run(run()) == wanted


def test_several_adapters_of_one_base_answer_at_the_same_time(
    folders: Folders, tmp_path: Path
) -> None:
    base = folders("llama")
    adapters = [None, *(trained_adapter(base, tmp_path / f"a{n}", seed=n) for n in (1, 2))]
    names = [adapter and str(adapter) for adapter in adapters]
    wanted = [
        [o.text for o in ask(sampler(base, adapter=name), *PROMPTS[:3], sampling=LONG)]
        for name in names
    ]
    model = sampler(base)

    async def run() -> list[str]:
        asks = [
            read(model, request(prompt, sampling=LONG), name)
            for prompt in PROMPTS[:3]
            for name in names
        ]
        return [text(deltas) for deltas in await asyncio.gather(*asks)]

    found = asyncio.run(run())
    assert [found[at::3] for at in range(3)] == wanted
    assert len({tuple(answers) for answers in wanted}) == 3
    assert [o.text for o in ask(model, *PROMPTS[:3], sampling=LONG)] == wanted[0]


def test_an_adapter_that_does_not_fit_costs_its_own_request(
    folders: Folders, tmp_path: Path
) -> None:
    other = trained_adapter(folders("qwen2"), tmp_path / "other")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "adapter_config.json").write_text((other / "adapter_config.json").read_text())
    (pickled / "adapter_model.bin").write_bytes(b"x")
    model = sampler(folders("llama"))
    for folder, story in (
        (pickled, "pickle"),
        (tmp_path / "none", "none"),
        (other, "of another base"),
    ):
        (delta,) = asyncio.run(read(model, request("a", sampling=LONG), str(folder)))
        assert delta.finish == "error"
        assert story in (delta.error or "")
    assert ask(model, "a", sampling=LONG)[0].error is None


def cut(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    os.truncate(path, path.stat().st_size // 2)


def lacking(folder: Path) -> None:
    """The weights of the first layer only, and random ones instead of the others."""
    path = folder / "adapter_model.safetensors"
    save_file({n: w for n, w in load_file(path).items() if ".layers.0." in n}, path)
    change_config(folder, init_lora_weights=False)


def of_another_model(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    save_file({f"other.{n}": w for n, w in load_file(path).items()}, path)


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("harm", "story"),
    [
        (cut, "is not complete: it has"),
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "safetensors is missing"),
        (lacking, "weights are missing and 0 have no place"),
        (of_another_model, "have no place"),
        (lambda folder: change_config(folder, peft_type="NOPE"), "NOPE"),
        (lambda folder: change_config(folder, r=8), "size mismatch"),
    ],
)
def test_a_damaged_adapter_is_refused_and_leaves_the_others_as_they_are(
    folders: Folders, tmp_path: Path, harm: Callable[[Path], None], story: str
) -> None:
    base = folders("llama")
    good, bad = (trained_adapter(base, tmp_path / name) for name in ("good", "bad"))
    harm(bad)
    with pytest.raises(BadOption, match=story):
        ask(sampler(bad), "a", sampling=LONG)
    model, names = sampler(base), (str(bad), None, str(good))
    refused, plain, adapted = (
        asyncio.run(read(model, request("a", sampling=LONG), name)) for name in names
    )
    assert story in (refused[-1].error or "")
    wanted = [ask(sampler(folder), "a", sampling=LONG)[0].text for folder in (base, good)]
    assert [text(plain), text(adapted)] == wanted


def test_an_adapter_of_another_kind_does_not_stand_beside_a_base(
    folders: Folders, tmp_path: Path
) -> None:
    from peft import IA3Config, get_peft_model
    from transformers import AutoModelForCausalLM

    whole: Any = AutoModelForCausalLM.from_pretrained(folders("llama"))
    config = IA3Config(target_modules=["v_proj", "down_proj"], feedforward_modules=["down_proj"])
    get_peft_model(whole, config).save_pretrained(str(tmp_path / "ia3"))
    model = sampler(folders("llama"))
    (refused,) = asyncio.run(read(model, request("a", sampling=LONG), str(tmp_path / "ia3")))
    assert "only LoRA adapters can stand beside a base" in (refused.error or "")


@pytest.mark.parametrize(
    ("sampling", "story"),
    [
        ({"n": 0}, None),
        ({"n": 1000}, "n is a number from 1 to 128, got 1000"),
        ({"n": "many"}, "n is a number from 1 to 128, got 'many'"),
        ({"top_logprobs": 30, "logprobs": True}, "top_logprobs is a number from 0 to 20, got 30"),
        ({"top_logprobs": 3}, "top_logprobs needs logprobs: true"),
        (
            {"logit_bias": {"5": 1}},
            "a local model cannot do logit_bias={'5': 1}; leave",
        ),
    ],
)
def test_what_a_stream_cannot_do_is_its_error(
    llama: LocalSampler, sampling: Any, story: str | None
) -> None:
    (deltas,) = streamed(llama, request("a", sampling={**LONG, **sampling}))
    assert (deltas[-1].error or "").startswith(story or "")
    assert deltas[-1].finish in (("error",) if story else ("stop", "length"))


class Letters:
    """A tokenizer whose tokens are bytes of a text."""

    def __init__(self, said: str) -> None:
        self.bytes = said.encode()

    def decode(self, made: Sequence[int], **_: Any) -> str:
        return bytes(self.bytes[i] for i in made).decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("said", "stops", "pieces"),
    [
        ("abc", (), ["a", "b", "c", ""]),
        ("aé", (), ["a", "é", ""]),
        ("xENDy", ("END",), ["x", ""]),
        ("xENy", ("END",), ["x", "ENy", ""]),
        ("xEN", ("END",), ["x", "EN"]),
    ],
)
def test_nothing_is_sent_that_could_still_change(
    said: str, stops: tuple[str, ...], pieces: list[str]
) -> None:
    sent: list[Delta] = []
    letters, row = Letters(said), Row(0, [1], 9, stops=stops)
    send = Pieces(letters, sent.append)
    end = min((said.index(stop) for stop in stops if stop in said), default=None)
    for number in range(len(letters.bytes)):
        row.made.append(number)
        if any(stop in letters.decode(row.made) for stop in stops):
            break
        send(row)
    send.last(row, Output(said[:end]))
    assert [delta.text for delta in sent] == pieces


def test_a_process_that_is_killed_fails_its_requests_and_starts_once_more(
    folders: Folders,
) -> None:
    model = sampler(folders("llama"), own_process=True)
    process: Any = model._worker
    assert isinstance(process, ModelProcess)

    async def killed() -> list[str | None]:
        found: list[str | None] = []
        requests = [request(prompt, sampling=LONG) for prompt in PROMPTS] * 40
        async for _, output in model.sample(requests):
            if not found:
                os.kill(process.pid or 0, signal.SIGKILL)
            found.append(output.error)
        assert len(found) == len(requests)
        return found

    story = "the model's process was ended by SIGKILL (the machine may be out of memory)"
    for _ in range(2):
        assert {*asyncio.run(killed())} == {None, story}
    (refused,) = ask(model, "hi", sampling=LONG)
    assert refused.error == f"{story}; it is not started a third time"
    (stream,) = streamed(model, request("hi", sampling=LONG))
    assert (stream[-1].finish, stream[-1].error) == ("error", refused.error)
    model.close()
    assert ask(model, "hi", sampling=LONG)[0].error is None
    model.close()
    assert process.pid is None


def test_a_process_ends_with_its_parent(folders: Folders) -> None:
    code = f"""
import asyncio, os, signal
from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.sampler import LocalSampler
from flywheel.samplers.sampler import Request
model = LocalSampler(LocalOptions(name={str(folders("llama"))!r}, own_process=True))
async def main():
    ask = [Request("m", [dict(role="user", content="hi")], dict(max_completion_tokens=200))] * 2000
    async for _ in model.sample(ask):
        print(model._worker.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pid = int(done.stdout)
    until = time.monotonic() + 60
    while time.monotonic() < until and _lives(pid):
        time.sleep(0.05)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        # A zombie that nobody waited for has ended too.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("own_process", [False, True])
def test_a_model_that_cannot_be_loaded_is_raised(own_process: bool, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    model = sampler(tmp_path, own_process=own_process)
    with pytest.raises(BadOption, match="has its weights in a pickle"):
        ask(model, "hi")
    model.close()

# pyright: standard
"""local: real models of five families, small and random, against transformers' own generate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.samplers.local.decode import Row, State, pick
from flywheel.samplers.local.load import LocalOptions, load
from flywheel.samplers.local.sampler import LocalSampler
from flywheel.samplers.sampler import Output, Request
from tests.samplers.asking import answers, ask, request
from tests.samplers.models import TEMPLATES, save, trained_adapter

# peft still asks transformers for an old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
Folders = Callable[[str], Path]
PROMPTS = [f"What is the capital of number {i}? " + "yes no " * (i % 9) for i in range(24)]
LONG = {"max_completion_tokens": 30}


def sampler(folder: Path, **options: Any) -> LocalSampler:
    return LocalSampler(LocalOptions(name=str(folder), **options))


def generated(folder: Path, prompt: str, length: int) -> str:
    """What transformers' generate gives for one prompt alone."""
    model, tokenizer, eos, *_ = load(LocalOptions(name=str(folder)))
    text = prompt
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    made = model.generate(**ids, max_new_tokens=length, do_sample=False)[0].tolist()
    made = made[ids["input_ids"].shape[1] :]
    ends = [place for place, token in enumerate(made) if token in eos]
    return tokenizer.decode(made[: ends[0]] if ends else made, skip_special_tokens=True)


@pytest.mark.parametrize("family", TEMPLATES)
def test_greedy_answers_are_those_of_generate_in_batches_of_any_size(
    family: str, folders: Folders
) -> None:
    folder = folders(family)
    batched = ask(sampler(folder), *PROMPTS, sampling=LONG)
    assert [output.error for output in batched] == [None] * len(PROMPTS)
    texts = [output.text for output in batched]
    assert texts == [o.text for o in ask(sampler(folder, rows=1), *PROMPTS, sampling=LONG)]
    assert texts == [o.text for o in ask(sampler(folder, rows=7), *PROMPTS, sampling=LONG)]
    assert texts[:6] == [generated(folder, prompt, 30) for prompt in PROMPTS[:6]]
    # The answers have all kinds of lengths, so rows did leave the batch.
    assert len({output.usage.completion_tokens for output in batched}) > 4


def test_a_shared_beginning_changes_no_answer(folders: Folders) -> None:
    shots = "User: where is my parcel? Assistant: it left the house on Monday. " * 4
    for family in ("llama", "mistral", "gemma"):
        prompts = [shots + prompt for prompt in PROMPTS[:9]]
        together = ask(sampler(folders(family)), *prompts, sampling=LONG)
        alone = ask(sampler(folders(family), rows=1), *prompts, sampling=LONG)
        assert [output.text for output in together] == [output.text for output in alone]


def test_a_shared_beginning_is_computed_once(folders: Folders) -> None:
    import torch

    loaded = load(LocalOptions(name=str(folders("llama"))))
    whole, shapes = loaded.model.forward, list[tuple[int, ...]]()

    def forward(input_ids: Any, **more: Any) -> Any:
        shapes.append(tuple(input_ids.shape))
        return whole(input_ids=input_ids, **more)

    loaded.model.forward = forward
    same = list(range(10, 110))
    with torch.inference_mode():
        State(loaded, [[*same, *range(200, 201 + i)] for i in range(8)], 5)
        # Too little would be saved, and nothing shared at all.
        State(loaded, [[*same[:50], i] for i in range(8)], 5)
        State(loaded, [[i, *same] for i in range(8)], 5)
    assert shapes == [(1, 100), (8, 8), (8, 51), (8, 101)]


def test_truncation_and_usage_are_told(folders: Folders) -> None:
    outputs = ask(sampler(folders("qwen2")), *PROMPTS, sampling={"max_completion_tokens": 5})
    for output in outputs:
        assert output.truncated == (output.usage.completion_tokens == 5)
        assert output.usage.completion_tokens <= 5
        assert output.usage.prompt_tokens > 20
        assert output.seconds > 0
    assert {output.truncated for output in outputs} == {True, False}


def test_a_draw_depends_on_its_seed_and_not_on_its_neighbours(folders: Folders) -> None:
    def draw(seeds: list[int], rows: int) -> list[str]:
        sampling = {"temperature": 1.5, "top_p": 0.9} | LONG
        requests = [request("hi", sampling=sampling | {"seed": seed}) for seed in seeds]
        return [o.text for o in answers(sampler(folders("llama"), rows=rows), requests)]

    together = draw([1, 2, 3, 4, 5, 1], rows=6)
    assert together[0] == together[5]
    assert len(set(together)) == 5
    assert draw([4, 9], rows=2)[0] == together[3]
    assert draw([2], rows=1) == [together[1]]


def test_a_draw_follows_the_probabilities() -> None:
    import torch

    chances = torch.tensor([0.5, 0.05, 0.3, 0.15])

    def shares(temperature: float, top_p: float) -> list[float]:
        rows = [Row(0, [1], 1, temperature, top_p, seed) for seed in range(2000)]
        for row in rows:
            row.begin()
        tokens = pick(chances.log().expand(2000, -1), rows)
        return [float((tokens == token).float().mean()) for token in range(4)]

    assert shares(1.0, 1.0) == pytest.approx([0.5, 0.05, 0.3, 0.15], abs=0.03)
    squares = [0.25, 0.0025, 0.09, 0.0225]
    assert shares(0.5, 1.0) == pytest.approx([s / sum(squares) for s in squares], abs=0.03)
    assert shares(1.0, 0.7) == pytest.approx([0.625, 0, 0.375, 0], abs=0.03)
    assert shares(1.0, 0.0) == [1, 0, 0, 0]


def test_a_stop_text_ends_an_answer_and_is_not_in_it(folders: Folders) -> None:
    (whole,) = ask(sampler(folders("qwen2")), PROMPTS[1], sampling=LONG)
    stop = whole.text[3:5]
    (cut,) = ask(sampler(folders("qwen2")), PROMPTS[1], sampling=LONG | {"stop": [stop]})
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.truncated is False


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"sampling": {"logit_bias": {"5": 1}}}, "a local model cannot do logit_bias={'5': 1}"),
        ({"sampling": {"n": 2}}, "a local model cannot do n=2"),
        ({"sampling": {"temperature": -1}}, "temperature is -1.0"),
        ({"sampling": {"max_completion_tokens": "x"}}, "a sampling parameter cannot be read"),
        ({"sampling": {"max_completion_tokens": 0}}, "so there is nothing to write"),
        ({"sampling": {"stop": [1]}}, "stop is a text or a list of texts, got [1]"),
        ({"sampling": {"stop": ["a", ""]}}, "stop is a text or a list of texts"),
        ({"options": ["a", ""]}, "an empty text cannot be scored"),
    ],
)
def test_what_a_request_asks_in_vain_is_its_own_error(
    fields: dict[str, Any], story: str, folders: Folders
) -> None:
    requests = [request("hi", sampling=LONG), request("hi", **fields)]
    fine, output = answers(sampler(folders("llama")), requests)
    assert fine.error is None
    assert story in (output.error or "")


def test_a_prompt_that_is_too_long_is_its_own_error(folders: Folders) -> None:
    fine, long, tight = ask(
        sampler(folders("qwen2")), "hi", "one two three " * 100, "yes no " * 32, sampling=LONG
    )
    assert fine.error is None
    assert "tokens, and the model's context 256" in (long.error or "")
    assert tight.error is None
    assert tight.usage.prompt_tokens + tight.usage.completion_tokens <= 256


def test_a_picture_is_refused(folders: Folders) -> None:
    part = {"type": "image_url", "image_url": {"url": "data:,"}}
    message = Request("m", [{"role": "user", "content": [part]}])
    (output,) = answers(sampler(folders("llama")), [message])
    assert output.error == "a local model reads text only, not 'image_url'"


def test_a_schema_is_not_forced_but_its_breach_shows(folders: Folders) -> None:
    (output,) = ask(sampler(folders("llama")), "hi", schema={"type": "object"}, sampling=LONG)
    assert output.error is None
    assert (output.violation or "").startswith("not JSON")


def test_answers_stream_and_the_loop_stays_free(folders: Folders) -> None:
    async def run() -> tuple[list[int], float]:
        order: list[int] = []
        slowest = 0.0

        async def tick() -> None:
            nonlocal slowest
            while True:
                started = time.monotonic()
                await asyncio.sleep(0.005)
                slowest = max(slowest, time.monotonic() - started)

        ticking = asyncio.create_task(tick())
        model = sampler(folders("qwen2"))
        async for index, _ in model.sample([request(p, sampling=LONG) for p in PROMPTS]):
            order.append(index)
        ticking.cancel()
        return order, slowest

    order, slowest = asyncio.run(run())
    assert sorted(order) == list(range(len(PROMPTS)))
    assert order != sorted(order)
    assert slowest < 2


def test_closing_the_iterator_ends_the_work(folders: Folders) -> None:
    async def run() -> float:
        model = sampler(folders("llama"), rows=1)
        stream = model.sample([request("hi", sampling=LONG)] * 2000)
        async for _ in stream:
            break
        started = time.monotonic()
        await stream.aclose()
        return time.monotonic() - started

    assert asyncio.run(run()) < 2


def test_out_of_memory_halves_the_batch_and_goes_on(folders: Folders) -> None:
    import torch

    loaded = load(LocalOptions(name=str(folders("llama"))))
    whole = loaded.model.forward
    seen: list[int] = []

    def forward(input_ids: Any, past_key_values: Any, **more: Any) -> Any:
        seen.append(len(input_ids))
        if len(input_ids) > 5 and past_key_values.get_seq_length() > 30:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(input_ids=input_ids, past_key_values=past_key_values, **more)

    wanted = [o.text for o in ask(sampler(folders("llama")), *PROMPTS, sampling=LONG)]
    loaded.model.forward = forward
    model = LocalSampler(LocalOptions(name="small"), loaded)
    assert [o.text for o in ask(model, *PROMPTS, sampling=LONG)] == wanted
    assert max(seen) == len(PROMPTS)

    def never(**_: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    loaded.model.forward = never
    outputs = ask(model, *PROMPTS[:3], sampling=LONG)
    assert {o.error for o in outputs} == {"the prompt does not fit into the memory"}


def test_numbers_that_are_none_are_an_error(folders: Folders) -> None:
    import torch

    loaded = load(LocalOptions(name=str(folders("llama"))))
    with torch.no_grad():
        loaded.model.lm_head.weight.fill_(float("nan"))
    (output,) = ask(LocalSampler(LocalOptions(name="nan"), loaded), "hi", sampling=LONG)
    assert output.error == "the model failed: FloatingPointError: its logits are not numbers (NaN)"


def test_tool_calls_of_the_hermes_kind_are_read(folders: Folders) -> None:
    tool = {"type": "function", "function": {"name": "find", "parameters": {}}}
    (given,) = ask(sampler(folders("qwen2")), "hi", tools=[tool], sampling=LONG)
    (bare,) = ask(sampler(folders("qwen2")), "hi", sampling=LONG)
    (none,) = ask(sampler(folders("llama")), "hi", tools=[tool], sampling=LONG)
    assert given.usage.prompt_tokens > bare.usage.prompt_tokens
    assert none.error == "the model's chat template knows no tools"


def test_an_adapter_changes_the_answers_and_names_its_base(
    folders: Folders, tmp_path: Path
) -> None:
    adapter = trained_adapter(folders("llama"), tmp_path / "adapter")
    base = ask(sampler(folders("llama")), *PROMPTS[:6], sampling=LONG)
    beside = ask(sampler(folders("llama"), adapter=str(adapter)), *PROMPTS[:6], sampling=LONG)
    alone = ask(sampler(adapter), *PROMPTS[:6], sampling=LONG)
    assert texts(beside) == texts(alone) != texts(base)
    # In bfloat16 the adapter stays beside the weights.
    (half,) = ask(sampler(adapter, dtype="bfloat16"), "hi", sampling=LONG)
    assert half.error is None


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_models_answer(bits: int, tmp_path: Path) -> None:
    # Rows of 64 are the least that the 4-bit format takes.
    wide = save("llama", tmp_path / "wide", hidden_size=128, intermediate_size=128, head_dim=32)
    adapter = trained_adapter(wide, tmp_path / "adapter")
    plain = ask(sampler(wide, bits=bits), *PROMPTS[:4], sampling=LONG)
    tuned = ask(sampler(wide, bits=bits, adapter=str(adapter)), *PROMPTS[:4], sampling=LONG)
    assert [output.error for output in [*plain, *tuned]] == [None] * 8
    assert texts(plain) != texts(tuned)


@pytest.mark.parametrize(
    ("options", "story"),
    [
        ({"name": "no/such-model"}, "no model 'no/such-model' on this machine"),
        ({"dtype": "float7"}, "'float7' is no dtype"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_named(
    options: dict[str, Any], story: str, folders: Folders
) -> None:
    given: dict[str, Any] = {"name": str(folders("llama"))} | options
    with pytest.raises(BadOption, match=story):
        ask(LocalSampler(LocalOptions(**given)), "hi")


def test_weights_in_pickles_are_not_read(folders: Folders, tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folders("llama") / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(BadOption, match="safetensors"):
        ask(sampler(tmp_path), "hi")


def test_a_recurrent_model_runs_row_by_row(tmp_path: Path) -> None:
    folder = save("mamba", tmp_path)
    outputs = ask(sampler(folder), *PROMPTS[:3], sampling=LONG)
    assert texts(outputs) == [generated(folder, prompt, 30) for prompt in PROMPTS[:3]]


def texts(outputs: list[Output]) -> list[str]:
    return [output.text for output in outputs]

# pyright: standard
"""local: options and references are scored as one forward pass over the whole text would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.samplers.local.load import LocalOptions, load
from flywheel.samplers.local.sampler import LocalSampler
from tests.samplers.asking import answers, ask, request
from tests.samplers.models import TEMPLATES, save

Folders = Callable[[str], Path]
OPTIONS = ["yes", "no no no", "Paris is the capital", "A"]
SHOTS = "User: where is my parcel? Assistant: it left the house on Monday. " * 2
PROMPTS = ["What is it?", "Is it late, customer " * 3, SHOTS + "One?", SHOTS + "Two or three?"]


def whole(folder: Path, prompt: str, text: str) -> tuple[float, int]:
    """The nats and tokens of `text` by one pass without a cache, and without padding."""
    import torch

    model, tokenizer, *_ = load(LocalOptions(name=str(folder)))
    start = prompt
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": prompt}]
        start = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(start, add_special_tokens=False)["input_ids"]
    both = tokenizer(start + text, add_special_tokens=False)["input_ids"]
    if both[: len(ids)] != ids:
        # The text's first letters would melt into the prompt's last token.
        both = ids + tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        chances = model(torch.tensor([both])).logits[0].log_softmax(-1)
    places = range(len(ids), len(both))
    return -sum(float(chances[place - 1, both[place]]) for place in places), len(places)


def local(folder: Path, **options: Any) -> LocalSampler:
    return LocalSampler(LocalOptions(name=str(folder), **options))


@pytest.mark.parametrize("family", TEMPLATES)
def test_options_are_scored_without_generating(family: str, folders: Folders) -> None:
    outputs = ask(local(folders(family)), *PROMPTS, options=OPTIONS)
    for prompt, output in zip(PROMPTS, outputs, strict=True):
        wanted = [whole(folders(family), prompt, option) for option in OPTIONS]
        assert output.option_nats == pytest.approx([nats for nats, _ in wanted], rel=1e-4)
        assert list(output.option_tokens) == [tokens for _, tokens in wanted]
        assert output.text == OPTIONS[output.option_nats.index(min(output.option_nats))]
        assert output.usage.completion_tokens == 0


def test_options_of_different_requests_share_a_batch(folders: Folders) -> None:
    requests = [request(PROMPTS[i % 4], options=OPTIONS[: 1 + i % 4]) for i in range(12)]
    together = answers(local(folders("qwen3")), requests)
    alone = answers(local(folders("qwen3"), rows=1), requests)
    for one, other in zip(together, alone, strict=True):
        assert one.option_nats == pytest.approx(other.option_nats, rel=1e-4)
        assert len(one.option_nats) == len(one.option_tokens)


def test_a_reference_tells_its_loss_beside_the_answer(folders: Folders) -> None:
    text = "Paris is the capital of France"
    sampling = {"max_completion_tokens": 8}
    plain, *_ = ask(local(folders("llama")), *PROMPTS, sampling=sampling)
    (output, *_) = ask(local(folders("llama")), *PROMPTS, sampling=sampling, reference=text)
    assert output.text == plain.text
    assert output.reference_loss is not None
    nats, tokens = whole(folders("llama"), PROMPTS[0], text)
    assert output.reference_loss.nats == pytest.approx(nats, rel=1e-4)
    assert output.reference_loss.tokens == tokens


def test_a_reference_alone_costs_no_answer(folders: Folders) -> None:
    (output,) = ask(
        local(folders("llama")),
        "hi",
        sampling={"max_completion_tokens": 0},
        reference="Rome",
        options=["Rome", "yes"],
    )
    assert output.reference_loss is not None
    assert output.reference_loss.nats == pytest.approx(output.option_nats[0])


def test_a_recurrent_model_scores_without_a_cache(tmp_path: Path) -> None:
    folder = save("mamba", tmp_path)
    (output,) = ask(local(folder), "hi there", options=OPTIONS)
    wanted = [whole(folder, "hi there", option)[0] for option in OPTIONS]
    assert output.option_nats == pytest.approx(wanted, rel=1e-4)

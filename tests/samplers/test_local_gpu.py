# pyright: standard
"""The local sampler on a GPU: it goes there by itself, and answers as on a CPU."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from flywheel.samplers.local.load import LocalOptions, load
from flywheel.samplers.local.sampler import LocalSampler
from tests.gpu import GPU
from tests.samplers.asking import ask
from tests.samplers.conftest import Folders
from tests.samplers.models import save

pytestmark = GPU

PROMPTS = [f"The order {n} was late, customer {n % 3}" + " and so" * (n % 5) for n in range(24)]
LONG = {"max_completion_tokens": 24}


def sampler(folder: object, **options: Any) -> LocalSampler:
    return LocalSampler(LocalOptions(name=str(folder), **options))


def texts(model: LocalSampler, **sampling: Any) -> list[str]:
    outputs = ask(model, *PROMPTS, sampling={**LONG, **sampling})
    assert [output.error for output in outputs] == [None] * len(PROMPTS)
    model.close()
    return [output.text for output in outputs]


@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_a_model_is_loaded_where_the_gpu_is(dtype: str, folders: Folders) -> None:
    model = load(LocalOptions(name=str(folders("qwen3")), dtype=dtype)).model
    assert {weight.device.type for weight in model.parameters()} == {"cuda"}
    # The files have float32, which "auto" keeps on a GPU.
    wanted = torch.float32 if dtype == "auto" else torch.bfloat16
    assert {weight.dtype for weight in model.parameters()} == {wanted}


@pytest.mark.parametrize("family", ["qwen3", "gemma"])
def test_greedy_answers_in_float32_are_those_of_the_cpu(family: str, folders: Folders) -> None:
    folder = folders(family)
    here = texts(sampler(folder, paged=False))
    there = texts(sampler(folder, device="cpu"))
    same = sum(a == b for a, b in zip(here, there, strict=True))
    # Sums are rounded in another order, so a close call may fall the other way.
    assert same >= len(PROMPTS) - 1


def test_the_paged_cache_is_used_by_itself_and_changes_no_answer(
    folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    own = texts(sampler(folders("llama"), paged=False))
    with caplog.at_level(logging.WARNING):
        paged = texts(sampler(folders("llama")))
    assert not [record for record in caplog.records if "paged" in record.getMessage()]
    assert sum(a == b for a, b in zip(own, paged, strict=True)) >= len(PROMPTS) - 1


def test_a_model_that_was_paged_answers_by_its_own_loop_too(folders: Folders) -> None:
    model = sampler(folders("llama"))
    ask(model, *PROMPTS[:4], sampling=LONG)
    (drawn,) = ask(model, PROMPTS[0], sampling={**LONG, "temperature": 1.0, "seed": 3})
    (again,) = ask(model, PROMPTS[0], sampling={**LONG, "temperature": 1.0, "seed": 3})
    model.close()
    assert drawn.error is None and drawn.text == again.text


def test_a_seed_fixes_what_is_drawn(folders: Folders) -> None:
    given: dict[str, Any] = {"temperature": 1.2, "top_p": 0.9, "seed": 7}
    first, second = (texts(sampler(folders("qwen3")), **given) for _ in range(2))
    other = texts(sampler(folders("qwen3")), **given | {"seed": 8})
    assert first == second != other


def test_options_and_references_have_the_losses_of_the_cpu(folders: Folders) -> None:
    found = []
    for device in (None, "cpu"):
        model = sampler(folders("qwen3"), device=device)
        (output,) = ask(model, "hi", options=["yes", "no, not at all"], reference="one two")
        model.close()
        assert output.error is None and output.reference_loss is not None
        found.append([*output.option_nats, output.reference_loss.nats])
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_models_answer(bits: int, tmp_path: Any) -> None:
    pytest.importorskip("bitsandbytes")
    wide = save("llama", tmp_path, hidden_size=128, intermediate_size=128, head_dim=32)
    model = sampler(wide, bits=bits)
    assert any(texts(model))

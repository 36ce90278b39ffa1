# pyright: standard
"""Which tokens carry loss, for chat templates of five kinds."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel.data.rows.training_row import TrainingRow
from flywheel.levers.training.rows import masks
from flywheel.levers.training.rows.masks import (
    IGNORED,
    NothingToLearn,
    mask_row,
    mask_rows,
)
from flywheel.levers.training.rows.template import NotTrainable, Template
from flywheel.samplers.local.chat import Chat
from tests.levers.training.models import ENDS, KINDS, THINKS, tokenizer
from tests.levers.training.world import turns
from tests.samplers import models as plain

ASKED = (("system", "Be brief."), ("user", "which one?"), ("assistant", "the red one"))
MORE = (*ASKED, ("user", "and now?"), ("assistant", "the blue one"))


def learned(row: TrainingRow, template: Template) -> list[str]:
    """What carries loss, as text."""
    masked = mask_row(row, template, 1_000)
    found = masks.describe([{"input_ids": masked.ids, "labels": masked.labels}], 1, template)
    return found["rows"][0]["learned"]


def with_template(text: str | None, **tokens: Any) -> Template:
    made = plain.tokenizer(text)
    for name, value in tokens.items():
        setattr(made, name, value)
    return Template.of(made)


@pytest.mark.parametrize("kind", KINDS)
def test_only_answers_and_the_tokens_that_end_them_carry_loss(kind: str) -> None:
    template, end = Template.of(tokenizer(kind)), ENDS[kind]
    assert template.end == end
    assert learned(turns(*ASKED), template) == ["the red one" + end]
    assert learned(turns(*MORE), template) == ["the red one" + end, "the blue one" + end]


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_has_the_tokens_that_it_is_sampled_with(kind: str) -> None:
    made = tokenizer(kind)
    messages = [{"role": role, "content": text} for role, text in ASKED]
    prompt = made(Chat(made).prompt(messages[:2]), add_special_tokens=False)["input_ids"]
    masked = mask_row(turns(*ASKED), Template.of(made), 1_000)
    assert masked.ids[: len(prompt)] == prompt
    assert masked.labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert IGNORED not in masked.labels[len(prompt) :]


def test_turns_of_weight_nothing_carry_no_loss() -> None:
    row = turns(*ASKED[:2], ("assistant", "the red one", 0), *MORE[3:])
    assert learned(row, Template.of(tokenizer("qwen3"))) == ["the blue one<|im_end|>"]


def test_a_template_without_a_system_role_still_says_what_the_system_says() -> None:
    template = Template.of(tokenizer("gemma"))
    assert "Be brief.\n\nwhich one?" in template.tokenizer.decode(
        mask_row(turns(*ASKED), template, 1_000).ids
    )


def test_without_a_template_an_answer_ends_with_the_eos_token() -> None:
    assert learned(turns(*ASKED), with_template(None)) == ["the red one</s>"]


def test_a_tokenizer_that_puts_a_space_before_each_piece_is_encoded_whole() -> None:
    from tokenizers import pre_tokenizers

    made = tokenizer("qwen3")
    made.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    template = Template.of(made)
    assert not template.joins
    (said,) = learned(turns(*ASKED), template)
    assert said.strip() == "the red one<|im_end|>"


def test_a_template_that_rewrites_earlier_answers_learns_the_last_one_only() -> None:
    template = with_template(THINKS)
    with pytest.raises(NotTrainable, match=r"rows\.jsonl:1: .*earlier ones weight 0, or split"):
        mask_row(turns(*MORE), template, 1_000)
    row = turns(*ASKED[:2], ("assistant", "the red one", 0), *MORE[3:])
    assert learned(row, template) == ["<think>\n\n</think>\n\nthe blue one<|im_end|>"]


@pytest.mark.parametrize(
    ("text", "tokens", "story"),
    [
        (plain.LLAMA, {}, "'<|eot|><|head|>assis', which is not a token of this model"),
        (None, {"eos_token": None}, "neither an eos token nor a chat template"),
        ("{{ raise_exception('no') }}", {}, "refuses"),
    ],
)
def test_a_model_that_could_never_stop_is_refused(
    text: str | None, tokens: dict[str, Any], story: str
) -> None:
    with pytest.raises(NotTrainable) as refused:
        with_template(text, **tokens)
    assert story in str(refused.value)


def test_an_assistant_may_speak_first() -> None:
    row = turns(("assistant", "the red one"), ("user", "and now?"), ("assistant", "the blue one"))
    said = ["the red one<|im_end|>", "the blue one<|im_end|>"]
    assert learned(row, Template.of(tokenizer("qwen3"))) == said


def test_a_prompt_that_changes_once_it_is_answered_is_refused() -> None:
    shy = (
        "{{ messages | length }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "<|im_end|>\n{% endfor %}"
    )
    with pytest.raises(NotTrainable, match="differently once it is answered"):
        mask_row(turns(*ASKED), with_template(shy), 1_000)


def test_rows_that_are_too_long_are_cut_and_counted() -> None:
    template = Template.of(tokenizer("qwen3"))
    short, long = turns(*ASKED), turns(("user", "why? " * 60), ("assistant", "because"))
    rows = mask_rows([short, long], template, 80)
    data = [{"input_ids": row.ids, "labels": row.labels} for row in rows]
    found = masks.describe(data, 2, template)
    assert (len(rows), found["cut"], found["left_out"]) == (1, 0, 1)
    cut = mask_row(short, template, 40)
    assert masks.describe([{"input_ids": cut.ids, "labels": cut.labels}], 1, template)["cut"] == 1


def test_all_masked_and_nothing_masked_are_both_refused() -> None:
    template = Template.of(tokenizer("qwen3"))
    with pytest.raises(NothingToLearn, match=r"no answer begins within max_length .8 tokens"):
        mask_rows([turns(*ASKED)], template, 8)
    bare = with_template("{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}")
    with pytest.raises(NothingToLearn, match="every token carries loss"):
        mask_rows([turns(("assistant", "the red one"))], bare, 100)

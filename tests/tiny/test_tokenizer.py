# pyright: standard
"""The tokenizer: every text comes back, and the template marks what is trained on."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flywheel.tiny.desk.documents import conversation, draw_document
from flywheel.tiny.tokenizer import END, VOCABULARY, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(documents=1500)


@pytest.mark.parametrize(
    "text", ["#40213", '{"priority": "high"}', "From: Ana (VIP)\nHi!", "naïve 東京 🙂", "  a  b "]
)
def test_every_text_comes_back(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_every_digit_is_a_token(tokenizer: Any) -> None:
    assert tokenizer.tokenize("#40213")[-5:] == list("40213")
    assert len(tokenizer) == VOCABULARY


def test_the_template_marks_the_answers_with_their_end(tokenizer: Any) -> None:
    document = conversation("Copy the list.", [("#12345", "#12345"), ("#67890", "#67890")])
    encoded = tokenizer.apply_chat_template(
        document, return_dict=True, return_assistant_tokens_mask=True
    )
    said = [i for i, m in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if m]
    assert tokenizer.decode(said) == f"#12345{END}#67890{END}"


def test_a_prompt_ends_where_the_answer_begins(tokenizer: Any) -> None:
    rng = random.Random(0)
    for _ in range(20):
        document = draw_document(rng)
        whole = tokenizer.apply_chat_template(document, tokenize=False)
        asked = tokenizer.apply_chat_template(
            document[:-1], tokenize=False, add_generation_prompt=True
        )
        assert whole == f"{asked}{document[-1]['content']}{END}\n"


def test_it_is_the_same_every_time(tokenizer: Any) -> None:
    again = train_tokenizer(documents=1500)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()

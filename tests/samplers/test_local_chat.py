# pyright: standard
"""local_chat: messages through templates of all kinds."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel.samplers.local.chat import Chat, NoPrompt, tool_calls
from tests.samplers.models import CHATML, DROPS, GEMMA, LLAMA, tokenizer

SYSTEM = {"role": "system", "content": "Be brief."}
HI = {"role": "user", "content": "Hi"}
HO = {"role": "assistant", "content": "Ho"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}


@pytest.mark.parametrize(
    ("template", "messages", "prompt"),
    [
        (
            CHATML,
            [SYSTEM, HI],
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        (
            CHATML,
            [{**SYSTEM, "role": "developer"}],
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>assistant\n",
        ),
        (CHATML, [PARTS], "<|im_start|>user\na\nb<|im_end|>\n<|im_start|>assistant\n"),
        (
            LLAMA,
            [HI],
            "<s><|head|>user<|foot|>\n\nHi<|eot|><|head|>assistant<|foot|>\n\n",
        ),
        (
            GEMMA,
            [SYSTEM, HI],
            "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            GEMMA,
            [HI, HI, HO, HI],
            "<s><start_of_turn>user\nHi\n\nHi<end_of_turn>\n<start_of_turn>model\nHo<end_of_turn>\n"
            "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n",
        ),
        (GEMMA, [SYSTEM], "<s><start_of_turn>user\nBe brief.<end_of_turn>\n<start_of_turn>model\n"),
        (DROPS, [SYSTEM, HI], "<s>[INST] Be brief.\n\nHi [/INST]"),
        (None, [HI], "Hi"),
        (None, [SYSTEM, HI], "System: Be brief.\n\nUser: Hi\n\nAssistant:"),
    ],
)
def test_the_text_a_model_reads(template: str | None, messages: Any, prompt: str) -> None:
    assert Chat(tokenizer(template)).prompt(messages) == prompt


def test_what_a_template_cannot_do_is_told() -> None:
    with pytest.raises(NoPrompt, match="refuses: Roles must alternate"):
        Chat(tokenizer(GEMMA)).prompt([HO, HI])
    with pytest.raises(NoPrompt, match="no chat template, so it cannot be given tools"):
        Chat(tokenizer(None)).prompt([HI], tools=[{}])


def test_settings_of_a_template_go_to_it() -> None:
    prompt = Chat(tokenizer(CHATML)).prompt([HI], extra={"enable_thinking": False})
    assert prompt.endswith("<think>\n</think>")


def test_tool_calls_are_read_from_their_tags() -> None:
    said = (
        'So: <tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'
        "<tool_call>{broken</tool_call><tool_call>[]</tool_call>"
    )
    (call,) = tool_calls(said)
    function = {"name": "f", "arguments": '{"x": 1}'}
    assert call == {"id": "call_0", "type": "function", "function": function}

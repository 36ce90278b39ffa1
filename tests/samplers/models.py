# pyright: standard
"""Small random models of several families, each with a chat template of its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CHATML = (
    "{% if tools %}<|im_start|>system\ntools: {{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n</think>{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user/assistant/...') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}<start_of_turn>model{{ '\n' }}"
)
# Drops the system message without a word.
DROPS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|head|>{{ m.role }}<|foot|>\n\n{{ m.content }}<|eot|>"
    "{% endfor %}<|head|>assistant<|foot|>{{ '\n\n' }}"
)
TEMPLATES = {
    "llama": LLAMA,
    "qwen2": CHATML,
    "qwen3": CHATML,
    "gemma": GEMMA,
    "mistral": DROPS,
    "phi3": None,
}
SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>"]
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "initializer_range": 0.4,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
TEXT = """The order 4711 was late, and the customer asked for the money back. We are sorry.
User: where is my parcel? Assistant: it left the house on Monday. System: answer in one word.
What is the capital of France? Paris is the capital of France; Rome is that of Italy. yes no
A B C D one two three four five six seven eight nine ten red green blue number greet lower upper"""


def tokenizer(template: str | None) -> Any:
    """A byte-level BPE of 384 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made: Any = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(TEXT.splitlines(), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    fast.chat_template = template
    return fast


def save(family: str, folder: Path, **sizes: Any) -> Path:
    """A model of this family with random weights, saved as its owners would."""
    import torch
    import transformers

    names = {
        "llama": "Llama",
        "qwen2": "Qwen2",
        "qwen3": "Qwen3",
        "gemma": "Gemma2",
        "mistral": "Mistral",
        "phi3": "Phi3",
        "mamba": "Mamba",
    }
    given = SIZES | {"vocab_size": 384} | sizes
    if family == "mistral":
        given |= {"sliding_window": 48}
    if family == "gemma":
        given |= {"sliding_window": 64, "query_pre_attn_scalar": 8, "tie_word_embeddings": False}
    transformers.utils.logging.disable_progress_bar()
    if family == "mamba":
        given = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 384, "state_size": 4}
    torch.manual_seed(0)
    config = getattr(transformers, f"{names[family]}Config")(**given)
    model = getattr(transformers, f"{names[family]}ForCausalLM")(config).eval()
    # Several tokens end an answer, so that random answers have all kinds of lengths.
    model.generation_config.eos_token_id = [1, 3, *range(200, 384, 12)]
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    tokenizer(TEMPLATES.get(family)).save_pretrained(folder)
    return folder


def trained_adapter(base: Path, folder: Path, seed: int = 1) -> Path:
    """A LoRA adapter with random weights, as large as to matter."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    wrapped: Any = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear"))
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.5)
    wrapped.save_pretrained(folder)
    config = folder / "adapter_config.json"
    written = json.loads(config.read_text()) | {"base_model_name_or_path": str(base)}
    config.write_text(json.dumps(written))
    return folder

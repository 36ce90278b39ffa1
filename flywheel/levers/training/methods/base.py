# pyright: standard
"""The model that a training starts from, loaded as for sampling and prepared for training.

It comes from a folder or the hub's cache: no downloads, no remote code, safetensors only. On a GPU
the frozen weights below an adapter are bfloat16, otherwise weights are float32. A folder with an
adapter names its base: training continues the adapter; full training merges it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadOption
from flywheel.extras import missing_extra
from flywheel.levers.training.methods.method import Method, SamplesAs
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.rows.template import Template
from flywheel.models import adapters
from flywheel.models.adapters import Weights
from flywheel.models.folders import (
    ADAPTER,
    check_adapter,
    check_model,
    safe_arguments,
    safe_weights,
)
from flywheel.models.hub import model_folder
from flywheel.tiny.weights import tiny_folder


@dataclass(frozen=True, slots=True)
class Base:
    """A model prepared by its method (a PeftModel for adapters), and its tokenizer."""

    model: Any
    tokenizer: Any
    template: Template
    samples_as: SamplesAs

    @property
    def trainable(self) -> int:
        """The number of trainable parameters."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    @property
    def parameters(self) -> int:
        """The number of parameters; a 4-bit tensor packs two into each element."""
        return sum(
            p.numel() * (2 if p.__class__.__name__ == "Params4bit" else 1)
            for p in self.model.parameters()
        )


def folder_of(name: str) -> Path:
    """The folder of a model: tiny, a path, or a hub id in the cache."""
    return tiny_folder() if name == "tiny" else model_folder(name)


def open_base(name: str, method: Method, seed: int, *, scores: bool = False) -> Base:
    """Load the model and apply the method, seeded. Raises BadOption.

    With `scores` the model gets a head with one output: a reward model.
    """
    import torch
    from transformers import set_seed

    folder = folder_of(name)
    source, adapter = weights_of(folder)
    set_seed(seed)
    try:
        with quiet():
            model = _load(source, method, scores=scores)
            tokenizer = load_tokenizer(folder, source)
            model = method.apply(model, adapter)
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        if isinstance(error, torch.cuda.OutOfMemoryError) or missing_extra(error):
            raise
        first = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise BadOption(f"the model {name!r} cannot be trained here: {first.strip()}") from None
    template = Template.of(tokenizer)
    _check_vocabulary(name, model, tokenizer)
    _set_stop_tokens(model, tokenizer, template)
    return Base(model, tokenizer, template, method.samples_as)


def weights_of(folder: Path) -> Weights:
    """The weights of a model's folder; its base is checked too. Raises BadOption."""
    if (folder / ADAPTER).is_file():
        check_adapter(folder)
    weights = adapters.weights_of(folder)
    check_model(weights.base)
    return weights


def _load(source: Path, method: Method, *, scores: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    on_gpu = torch.cuda.is_available()
    kind = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    head = {"num_labels": 1} if scores else {}
    kwargs = method.load_kwargs(on_gpu=on_gpu)
    model = cast("Any", kind).from_pretrained(source, **safe_weights(), **kwargs, **head)
    return model if "device_map" in kwargs else model.to("cuda" if on_gpu else "cpu")


def load_tokenizer(folder: Path, source: Path) -> Any:
    """The tokenizer in an adapter's folder, or else that of its base."""
    from transformers import AutoTokenizer

    own = folder if (folder / "tokenizer_config.json").is_file() else source
    tokenizer = cast("Any", AutoTokenizer).from_pretrained(own, **safe_arguments())
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _check_vocabulary(name: str, model: Any, tokenizer: Any) -> None:
    """Raise BadOption if the pad token is outside the model's vocabulary."""
    known, pad = model.get_input_embeddings().weight.shape[0], tokenizer.pad_token_id
    if pad >= known:
        raise BadOption(
            f"the model {name!r} has {known:,} tokens, but its tokenizer pads with"
            f" {tokenizer.pad_token!r}, token {pad:,}; set pad_token in tokenizer_config.json to"
            " one of the model's tokens"
        )


def _set_stop_tokens(model: Any, tokenizer: Any, template: Template) -> None:
    """Add the end-of-turn token to the generation config; without it, generation never stops."""
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    config = getattr(model, "generation_config", None)
    if config is None:
        return
    named = config.eos_token_id
    stops = named if isinstance(named, list) else [named] if named is not None else []
    if template.end_id not in stops:
        config.eos_token_id = [template.end_id, *stops] if stops else template.end_id
    config.pad_token_id = tokenizer.pad_token_id

# pyright: standard
"""The model that a training starts from: loaded as for sampling, and made ready to learn.

From a folder or the hub's cache; nothing is fetched, no code of the model's author runs, weights
come from safetensors only. On a GPU weights beside an adapter are bfloat16, else float32. A folder
that holds an adapter brings its base along: the adapter is trained on; full training merges it.
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
    """A model with what its method adds to it (a PeftModel for adapters), and its tokenizer."""

    model: Any
    tokenizer: Any
    template: Template
    samples_as: SamplesAs

    @property
    def trainable(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    @property
    def parameters(self) -> int:
        """How many numbers the model has; quantised ones count as one each."""
        return sum(
            p.numel() * (2 if p.__class__.__name__ == "Params4bit" else 1)
            for p in self.model.parameters()
        )


def folder_of(name: str) -> Path:
    """The folder that a model's name stands for: tiny, a folder, or a hub id in the cache."""
    return tiny_folder() if name == "tiny" else model_folder(name)


def open_base(name: str, method: Method, seed: int, *, scores: bool = False) -> Base:
    """Load the model, and put the method's adapter on it, seeded. Raises BadOption.

    With `scores` it gets a head that gives one number instead of tokens: a reward model.
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
    _make_ends_known(model, tokenizer, template)
    return Base(model, tokenizer, template, method.samples_as)


def weights_of(folder: Path) -> Weights:
    """The weights of a model's folder, with those of its base checked too. Raises BadOption."""
    if (folder / ADAPTER).is_file():
        check_adapter(folder)
    found = adapters.weights_of(folder)
    check_model(found.base)
    return found


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
    """The tokenizer of an adapter's folder, or of its base where the adapter brings none."""
    from transformers import AutoTokenizer

    own = folder if (folder / "tokenizer_config.json").is_file() else source
    tokenizer = cast("Any", AutoTokenizer).from_pretrained(own, **safe_arguments())
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _check_vocabulary(name: str, model: Any, tokenizer: Any) -> None:
    """Raise BadOption when the model does not know the token that batches are padded with."""
    known, pad = model.get_input_embeddings().weight.shape[0], tokenizer.pad_token_id
    if pad >= known:
        raise BadOption(
            f"the model {name!r} has {known:,} tokens, and its tokenizer pads with"
            f" {tokenizer.pad_token!r}, token {pad:,}; name one of the model's own as pad_token in"
            " tokenizer_config.json"
        )


def _make_ends_known(model: Any, tokenizer: Any, template: Template) -> None:
    """Without them in its generation config, a model that was trained well never stops."""
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    config = getattr(model, "generation_config", None)
    if config is None:
        return
    named = config.eos_token_id
    ends = named if isinstance(named, list) else [named] if named is not None else []
    if template.end_id not in ends:
        config.eos_token_id = [template.end_id, *ends] if ends else template.end_id
    config.pad_token_id = tokenizer.pad_token_id

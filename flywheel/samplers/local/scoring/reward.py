# pyright: standard
"""A reward model on this machine: conversations in, one number each out.

A sequence classifier of transformers with one number, from a folder or the hub's cache, or an
adapter of one with its head. Nothing is fetched, no code of its author runs, weights come from
safetensors only. In float32 on a CPU, on a GPU as the file has it, the head in float32.

It reads a conversation as its own chat template writes it, whole and with no other turn begun: as
`flywheel improve reward` teaches it and as published reward models are asked. Text that spells one
of its special tokens is broken up, so that an answer cannot end its own turn and praise itself.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast
from weakref import WeakValueDictionary

from flywheel.errors import BadOption, FlywheelError
from flywheel.extras import need
from flywheel.models.digest import content_digest
from flywheel.models.folders import (
    ADAPTER,
    check_adapter,
    check_model,
    read_config,
    safe_weights,
)
from flywheel.models.hub import model_folder
from flywheel.samplers.local.batch import Batches
from flywheel.samplers.local.chat import Chat, NoPrompt
from flywheel.samplers.local.decode import Admit, Row
from flywheel.samplers.local.load import (
    LocalOptions,
    first_line,
    load_tokenizer,
    quiet_peft,
    with_adapter,
    with_base,
)
from flywheel.samplers.local.random import kept_random_states
from graders.asks import Failed, Rate, Rated
from graders.ungraded import Kind

_BATCH = (64, 16_384)  # the most rows and tokens in one pass
_KIND = "ForSequenceClassification"
_WANTED = "wanted a sequence classifier with one number out, as flywheel improve reward makes it"
# Shared by the engines of a process, and gone with the last of them.
_open: WeakValueDictionary[str, LocalRewardModel] = WeakValueDictionary()
_opening = threading.Lock()


def open_reward_model(name: str, digest: str | None = None) -> LocalRewardModel:
    """The reward model in a folder or of a hub id, loaded once a process as long as it is used.

    With a `digest` it must have that content. Raises BadOption.
    """
    content = content_digest(name)
    if digest is not None and content != digest:
        raise BadOption(
            f"the reward model {name!r} is not the one that the grader is tied to: it was"
            f" {digest:.12}, is {content:.12}; put back what was there, or measure anew"
        )
    with _opening:
        found = _open.get(content)
        if found is None:
            found = _open[content] = LocalRewardModel(name)
        return found


class LocalRewardModel:
    """A reward model in memory. It can be asked from several threads."""

    def __init__(self, name: str) -> None:
        """Load it. No random state changes by that. Raises BadOption with what is missing."""
        need("torch", "transformers", user=f"the reward model {name!r}")
        folder = model_folder(name)
        try:
            with _undisturbed(), quiet_peft():
                self._model, self._tokenizer = _load(folder)
        except FlywheelError:
            raise
        except Exception as error:  # of a broken file each library complains in its own way
            story = first_line(error)
            raise BadOption(f"the reward model {name!r} cannot be loaded: {story}") from None
        self._name = name
        self._reader = Reader(self._tokenizer)
        self._lock = threading.Lock()

    @property
    def context(self) -> int | None:
        """The most tokens that it takes, None when its config sets no limit."""
        text = self._model.config.get_text_config()
        limits = (getattr(text, "max_position_embeddings", None), self._tokenizer.model_max_length)
        return min((limit for limit in limits if limit and limit < 2**40), default=None)

    def rate(self, asks: Sequence[Rate]) -> list[Rated | Failed]:
        """A number for every conversation, or why there is none, in order.

        Equal ones are rated once: beside other neighbours a number would round in another way.
        """
        found: dict[int, Rated | Failed] = {}
        rows: dict[tuple[int, ...], Row] = {}
        equal: dict[int, int] = {}
        for index, ask in enumerate(asks):
            row = self._row(index, ask)
            if isinstance(row, Failed):
                found[index] = row
            else:
                equal[index] = rows.setdefault(tuple(row.ids), row).index

        def fail(row: Row, story: str) -> None:
            found[row.index] = Failed(Kind.JUDGE_SERVER, "reward_model", f"{self._name}: {story}")

        pad = self._model.config.get_text_config().pad_token_id
        # Without padding it could not tell where a shorter row ends.
        limits = _BATCH if pad is not None else (1, _BATCH[1])
        with self._lock:
            work = partial(self._rate, found=found)
            Batches(limits, work, fail).run(list(rows.values()))
        return [found[equal.get(index, index)] for index in range(len(asks))]

    def _row(self, index: int, ask: Rate) -> Row | Failed:
        try:
            ids = self._reader.ids(ask.messages, ask.tools)
        except (NoPrompt, TypeError, AttributeError, KeyError) as error:
            return Failed(Kind.OTHER, "no_conversation", f"{self._name} cannot read it: {error}")
        context = self.context
        if context is not None and len(ids) > context:
            return Failed(
                Kind.TRUNCATED,
                "too_long",
                f"the conversation has {len(ids)} tokens, and the context of {self._name} is"
                f" {context}; nothing is cut off, for the end is what is rated",
            )
        return Row(index, ids, 0)

    def _rate(self, batch: list[Row], _admit: Admit, found: dict[int, Rated | Failed]) -> None:
        import torch

        device = self._model.device
        width = max(len(row.ids) for row in batch)
        pad = self._model.config.get_text_config().pad_token_id or 0
        ids = torch.full((len(batch), width), pad, dtype=torch.long)
        real = torch.zeros(len(batch), width, dtype=torch.long)
        for at, row in enumerate(batch):
            ids[at, : len(row.ids)] = torch.tensor(row.ids)
            real[at, : len(row.ids)] = 1
        with torch.inference_mode():
            logits = self._model(input_ids=ids.to(device), attention_mask=real.to(device)).logits
        for row, value in zip(batch, logits[:, 0].float().tolist(), strict=True):
            found[row.index] = Rated(value)
            row.done = True


class Reader:
    """Conversations as the tokens that a reward model reads, in training as in use."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._chat = Chat(tokenizer)
        added = tokenizer.added_tokens_decoder.values()
        special = {str(token) for token in added if token.special} | {*tokenizer.all_special_tokens}
        spelt = sorted((token for token in special if len(token) > 1), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, spelt)) if spelt else r"(?!)")

    def ids(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> list[int]:
        """The tokens of messages that end with an answer. Raises NoPrompt."""
        said = [{**turn, "content": self._plain(turn.get("content"))} for turn in messages]
        text = self._chat.conversation(said, tools)
        # A lone surrogate, which JSON can carry, is no text to a tokenizer.
        text = text.encode("utf-8", "replace").decode()
        special = not self._chat.templated
        return self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]

    def _plain(self, content: Any) -> Any:
        """Text in which no special token is spelt."""
        if not isinstance(content, str):
            return content
        return self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", content)


def _load(folder: Path) -> tuple[Any, Any]:
    """The model, ready to be asked, and its tokenizer. Raises BadOption, or as loading does."""
    import torch
    from transformers import AutoModelForSequenceClassification

    options = LocalOptions(name=str(folder))
    name, adapter = with_base(options)
    source = model_folder(name)
    _check_kind(source, adapter)
    check_model(source)
    if adapter is not None:
        check_adapter(Path(adapter))
    on_gpu = torch.cuda.is_available()
    model, told = cast("Any", AutoModelForSequenceClassification).from_pretrained(
        source,
        dtype="auto" if on_gpu else torch.float32,
        output_loading_info=True,
        **safe_weights(),
        **({"num_labels": 1} if adapter else {}),
    )
    _check_whole(folder, sorted(told["missing_keys"]), adapter)
    model = model.to("cuda" if on_gpu else "cpu")
    tokenizer = load_tokenizer(options, str(source), adapter)
    text = model.config.get_text_config()
    if adapter is not None or text.pad_token_id is None:
        # By it the model finds the end of a row; an adapter was trained with its own tokenizer's.
        text.pad_token_id = tokenizer.pad_token_id or tokenizer.eos_token_id
    head = getattr(model, "score", None)
    if head is not None:
        # Before an adapter brings its own, which halves would round.
        head.float()
    if adapter is not None:
        model = with_adapter(model, tokenizer, adapter)
    if head is not None:
        # In halves many answers would have the same number.
        model.score.register_forward_pre_hook(lambda head, given: (given[0].float(),))
    model.config.use_cache = False
    return model.eval().requires_grad_(False), tokenizer


def _check_kind(source: Path, adapter: str | None) -> None:
    """Raise BadOption for what is no reward model, before its weights are read."""
    if adapter is not None:
        config = read_config(Path(adapter) / ADAPTER)
        if config.get("task_type") != "SEQ_CLS":
            kind = config.get("task_type")
            raise BadOption(f"{adapter} is an adapter for {kind}, and no reward model; {_WANTED}")
        return
    config = read_config(source / "config.json")
    kinds = config.get("architectures") or ["nothing"]
    if not any(str(kind).endswith(_KIND) for kind in kinds):
        raise BadOption(f"{source} holds {', '.join(kinds)}, and no reward model; {_WANTED}")
    labels = len(config.get("id2label") or {0: "", 1: ""})
    if labels != 1:
        raise BadOption(f"{source} gives {labels} numbers for a conversation; {_WANTED}")


def _check_whole(folder: Path, missing: Sequence[str], adapter: str | None) -> None:
    """Raise BadOption where a weight was made up, such as a head that nobody trained."""
    from safetensors import safe_open

    brought: list[str] = []
    if adapter is not None:
        path = Path(adapter) / "adapter_model.safetensors"
        with cast("Any", safe_open)(path, framework="pt") as file:
            brought = list(file.keys())
    lost = [name for name in missing if not any(key.endswith(f".{name}") for key in brought)]
    if lost:
        raise BadOption(f"{folder} lacks {', '.join(lost[:3])}, so its numbers would be made up")


@contextmanager
def _undisturbed() -> Generator[None]:
    """Put back the random states, which weights that are made before they are read change.

    Nor is anything shown or logged of the loading.
    """
    from transformers.utils import logging as told

    bars, level = told.is_progress_bar_enabled(), told.get_verbosity()
    told.disable_progress_bar()
    told.set_verbosity_error()
    try:
        with kept_random_states():
            yield
    finally:
        told.set_verbosity(level)
        if bars:
            told.enable_progress_bar()

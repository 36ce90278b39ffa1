"""An evalset: items, the prompt that asks them, and the graders that judge the answers.

A folder with `evalset.yaml` and one JSONL file per split, one item per line. A name is looked up
first in ./evalsets and then among the evalsets that ship with Flywheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from flywheel.document import load_document
from flywheel.errors import BadItem, BadOption, NoEvalset
from flywheel.evals.evalset.images import with_images
from flywheel.evals.evalset.items import Item, Items
from flywheel.samplers.schema import BadSchema, check_schema
from flywheel.store.rows.digest import digest
from graders.content import Content, filled, images_of, texts_of
from graders.definition import AnyGrader
from graders.grader import Grader, TemplateText
from graders.sample import Sample
from graders.template import template
from graders.text.strict_json import parse_json
from graders.ungraded import Ungraded

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


def split_named(name: str) -> Split:
    """The split of this name. Raises BadOption."""
    for split in SPLITS:
        if split == name:
            return split
    raise BadOption(f"--split is {', '.join(SPLITS)}, got {name!r}")


def _names_the_item_only(text: str) -> str:
    if template(text).reads_sample():
        raise ValueError("it may name {{ item.… }} only: there is no sample yet")
    return text


ItemText = Annotated[TemplateText, AfterValidator(_names_the_item_only)]


class PromptMessage(BaseModel):
    """One message of the prompt. Slots may name only the item, since there is no answer yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: Content

    @field_validator("content")
    @classmethod
    def _no_sample_yet(cls, content: Any) -> Any:
        for text in (*texts_of(content), *images_of(content)):
            _names_the_item_only(text)
        return content

    @property
    def text(self) -> str:
        """The template of its text."""
        return "\n".join(texts_of(self.content))

    def filled(self, item: Item) -> dict[str, Any]:
        """The message for this item. Raises BadItem if the item lacks a field of its slots."""
        fills = partial(fill, item=item)
        return {"role": self.role, "content": filled(self.content, fills, fills)}


# A list of messages, or "{{ item.messages }}" for a conversation in each item.
Prompt = Annotated[
    Annotated[ItemText, Tag("path")]
    | Annotated[tuple[PromptMessage, ...], Field(min_length=1), Tag("messages")],
    Discriminator(lambda prompt: "path" if isinstance(prompt, str) else "messages"),
]


class Sampling(BaseModel):
    """The sampling parameters, named as in chat completions."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_completion_tokens: int = Field(default=1024, ge=1)
    seed: int = 0


class EvalsetDefinition(BaseModel):
    """The content of evalset.yaml.

    - `gold` is the right answer to an item, as a model would write it.
    - `primary` decides; `guards` may drop by at most their margin; `audit` graders are never used
      as a reward, so that a model cannot learn to exploit them.
    - `group` names the item field that identifies clusters (a template, a conversation), whose
      errors are not independent. `tags` name the fields by which results are sliced.
    - `item_schema` and `response_schema` are JSON schemas of the items and of the answer, `tools`
      the functions that the model may call. With `options` (texts, or a slot with a list) the model
      chooses by log-probability, without generating. `reference_loss` measures the loss of the gold
      answer.
    - `checks` excuses graders from probes of `flywheel graders check`: grader, probe, reason. Like
      `description` and `tags` it does not affect a measurement, so it is not part of the digest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: str = ""
    prompt: Prompt
    gold: ItemText
    tools: tuple[dict[str, Any], ...] = ()
    graders: tuple[AnyGrader, ...] = Field(min_length=1)
    primary: str
    guards: dict[str, Annotated[float, Field(ge=0)]] = {}
    audit: tuple[str, ...] = ()
    group: str | None = None
    tags: tuple[str, ...] = ()
    repeats: int = Field(default=1, ge=1)
    sampling: Sampling = Sampling()
    item_schema: dict[str, Any] | None = None
    response_schema: dict[str, Any] | None = None
    options: ItemText | tuple[str, ...] = ()
    reference_loss: bool = False
    checks: dict[str, dict[str, Annotated[str, Field(min_length=1)]]] = {}

    @field_validator("graders")
    @classmethod
    def _graders_know_the_prompt(
        cls, graders: tuple[Grader, ...], before: ValidationInfo
    ) -> tuple[Grader, ...]:
        # Prompt and tools are validated before the graders, so they are missing only if invalid.
        prompt, tools = before.data.get("prompt"), before.data.get("tools", ())
        if prompt is None:
            return graders
        said = prompt if isinstance(prompt, str) else [turn.model_dump() for turn in prompt]
        return tuple(grader.about(said, tools) for grader in graders)

    def measured(self) -> dict[str, Any]:
        """Everything that a measurement depends on, as JSON; the digest is computed from it."""
        left_out = {"checks", "description", "tags"}
        return self.model_dump(mode="json", exclude_unset=True, exclude=left_out)

    @model_validator(mode="after")
    def _names_are_graders(self) -> Self:
        names = [grader.name for grader in self.graders]
        if len(set(names)) < len(names):
            raise ValueError(f"every grader needs a name of its own, got {', '.join(names)}")
        for role, named in (
            ("primary", (self.primary,)),
            ("guard", tuple(self.guards)),
            ("audit", self.audit),
            ("checks:", tuple(self.checks)),
        ):
            for name in named:
                if name not in names:
                    raise ValueError(f"{role} {name!r} is none of the graders {', '.join(names)}")
        return self


@dataclass(frozen=True)
class Evalset:
    """An evalset, read from its folder."""

    name: str
    folder: Path
    definition: EvalsetDefinition

    @property
    def graders(self) -> tuple[Grader, ...]:
        """Every grader, in the order of the file."""
        return self.definition.graders

    @cached_property
    def primary(self) -> Grader:
        """The grader that decides."""
        return next(g for g in self.graders if g.name == self.definition.primary)

    @cached_property
    def digest(self) -> str:
        """The version of the definition. The items of each split have their own version."""
        return digest(self.definition.measured())

    def split(self, name: Split) -> Items:
        """The items of a split, read lazily."""
        return Items(self.folder / f"{name}.jsonl")

    def ask(self, item: Item) -> list[dict[str, Any]]:
        """The prompt for this item. Raises BadItem."""
        return with_images(ask(self.definition.prompt, item), self.folder)[0]

    def gold(self, item: Item) -> str:
        """The right answer to this item."""
        return fill(self.definition.gold, item)

    def options(self, item: Item) -> tuple[str, ...]:
        """The options that the model chooses from, empty if it writes its answer."""
        options = self.definition.options
        if isinstance(options, str):
            given = parse_json(fill(options, item))
            if not isinstance(given, list):
                raise BadItem(f"the options are no JSON list, got {given!r:.80}")
            return tuple(map(str, cast("list[Any]", given)))
        return options


def ask(prompt: str | tuple[PromptMessage, ...], item: Item) -> list[dict[str, Any]]:
    """The messages to a model for this item, with images as the item names them."""
    if isinstance(prompt, str):
        return _messages(parse_json(fill(prompt, item)))
    return [message.filled(item) for message in prompt]


def _messages(given: Any) -> list[dict[str, Any]]:
    """The messages of a filled template. Raises BadItem if it is not a list of messages."""
    messages = cast("list[Any]", given) if isinstance(given, list) else []
    for message in messages:
        match message:
            case {"role": str()} if isinstance(message.get("content"), str | list | None):
                continue
            case _:
                messages = []
    if not messages:
        raise BadItem(f"the prompt is no JSON list of messages with a role, got {given!r:.80}")
    return messages


def fill(text: str, item: Item) -> str:
    """A template filled from an item. Raises BadItem if the item lacks a field of its slots."""
    try:
        return template(text).render(Sample(item))
    except Ungraded as gap:
        raise BadItem(f"item {item.get('id', item)!r:.200}: {gap.detail}") from None


def load_evalset(name: str) -> Evalset:
    """The evalset of this name or in this folder. Raises NoEvalset or BadFile."""
    folder = _find(name)
    document = load_document(folder / "evalset.yaml")
    definition: EvalsetDefinition = document.read_as(TypeAdapter(EvalsetDefinition))
    for name in ("item_schema", "response_schema"):
        schema: dict[str, Any] | None = getattr(definition, name)
        try:
            if schema is not None:
                check_schema(schema)
        except BadSchema as error:
            place = (name, *error.path)
            shown = ".".join(map(str, place))
            raise document.refuse(place, f"{shown}: {error}") from None
    return Evalset(folder.name, folder, definition)


def shipped() -> list[str]:
    """The names of the evalsets that come with Flywheel."""
    root = Path(str(files("evalsets")))
    return sorted(path.parent.name for path in root.glob("*/evalset.yaml"))


def _find(name: str) -> Path:
    candidates = (Path(name), Path("evalsets") / name, Path(str(files("evalsets"))) / name)
    for folder in candidates:
        if (folder / "evalset.yaml").is_file():
            return folder.resolve()
    if Path(name).suffix in (".json", ".yaml", ".yml"):
        raise NoEvalset(f"no file {name!r}, and an evalset is a folder")
    known = sorted({*shipped(), *(path.parent.name for path in Path("evalsets").glob("*/*.yaml"))})
    near = get_close_matches(name, known, 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise NoEvalset(
        f"no evalset {name!r}{hint}: wanted a folder with an evalset.yaml in it, or one of"
        f" {', '.join(known)}"
    )

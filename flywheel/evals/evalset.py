"""An evalset: items, the prompt that asks them, and the graders that judge the answers.

A folder with `evalset.yaml` and one JSONL file a split, one item a line. A name is looked up in
./evalsets first and then among the evalsets that ship with Flywheel, so one of your own wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from flywheel.document import load_document
from flywheel.errors import NoEvalset
from flywheel.evals.items import Item, Items
from graders.definition import AnyGrader
from graders.grader import Grader, TemplateText
from graders.sample import Sample
from graders.strict_json import parse_json
from graders.template import template

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class PromptMessage(BaseModel):
    """One message of the prompt. Slots may name the item only: there is no answer yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: TemplateText


# A list of messages, or "{{ item.messages }}" for a conversation that each item brings along.
Prompt = Annotated[
    Annotated[TemplateText, Tag("path")]
    | Annotated[tuple[PromptMessage, ...], Field(min_length=1), Tag("messages")],
    Discriminator(lambda prompt: "path" if isinstance(prompt, str) else "messages"),
]


class Sampling(BaseModel):
    """How answers are sampled, in the words of chat completions."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_completion_tokens: int = Field(default=1024, ge=1)
    seed: int = 0


class EvalsetDefinition(BaseModel):
    """What evalset.yaml holds.

    - `gold` is the right answer to an item, as a model would write it.
    - `primary` decides; `guards` may fall by at most their margin; `audit` graders are never a
      reward, so that a model cannot have learnt to please them.
    - `group` names the item field that ties items together (a template, a conversation): their
      errors are not independent. `tags` name the fields by which results are sliced.
    - `item_schema`, `response_schema`, `tools`: JSON schemas of the items and of the answer, and
      what the model may call. `options` (texts, or a slot that holds a list) are chosen from by
      log-probability, without generating.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    prompt: Prompt
    gold: TemplateText
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
    tools: tuple[dict[str, Any], ...] = ()
    options: TemplateText | tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_are_graders(self) -> Self:
        names = [grader.name for grader in self.graders]
        if len(set(names)) < len(names):
            raise ValueError(f"every grader needs a name of its own, got {', '.join(names)}")
        for role, named in (
            ("primary", (self.primary,)),
            ("guard", tuple(self.guards)),
            ("audit", self.audit),
        ):
            for name in named:
                if name not in names:
                    raise ValueError(f"{role} {name!r} is none of the graders {', '.join(names)}")
        return self


@dataclass(frozen=True)
class Evalset:
    """An evalset that was read from its folder."""

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

    def split(self, name: Split) -> Items:
        """The items of a split, read as they are wanted."""
        return Items(self.folder / f"{name}.jsonl")

    def ask(self, item: Item) -> list[dict[str, Any]]:
        """The prompt for this item."""
        return ask(self.definition.prompt, item)

    def gold(self, item: Item) -> str:
        """The right answer to this item."""
        return template(self.definition.gold).render(Sample(item))

    def options(self, item: Item) -> tuple[str, ...]:
        """What the model chooses from, empty when it writes its answer."""
        options = self.definition.options
        if isinstance(options, str):
            return tuple(map(str, parse_json(template(options).render(Sample(item)))))
        return options


def ask(prompt: str | tuple[PromptMessage, ...], item: Item) -> list[dict[str, Any]]:
    """The messages that put this item to a model."""
    sample = Sample(item)
    if isinstance(prompt, str):
        messages: list[dict[str, Any]] = parse_json(template(prompt).render(sample))
        return messages
    return [
        {"role": message.role, "content": template(message.content).render(sample)}
        for message in prompt
    ]


def load_evalset(name: str) -> Evalset:
    """The evalset of this name or in this folder. Raises NoEvalset or BadFile."""
    folder = _find(name)
    document = load_document(folder / "evalset.yaml")
    definition = document.read_as(TypeAdapter(EvalsetDefinition))
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
    raise NoEvalset(
        f"no evalset {name!r}: wanted a folder with an evalset.yaml in it, or one of"
        f" {', '.join(shipped())}"
    )

"""An evalset: items, the prompt that asks them, and the graders that judge the answers.

A folder with `evalset.yaml` and one JSONL file a split, one item a line. A name is looked up in
./evalsets first and then among the evalsets that ship with Flywheel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from flywheel.data.rows import read_rows
from flywheel.document import load_document
from flywheel.errors import BadFile, NoEvalset
from graders.definition import AnyGrader
from graders.grader import Grader, TemplateText
from graders.sample import Sample
from graders.template import template

Split = Literal["train", "dev", "test"]
Item = Mapping[str, Any]


class PromptMessage(BaseModel):
    """One message of the prompt. Slots may name the item only: there is no answer yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: TemplateText


class EvalsetDefinition(BaseModel):
    """What evalset.yaml holds. `gold` is the right answer to an item, as a model would write it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    prompt: tuple[PromptMessage, ...] = Field(min_length=1)
    gold: TemplateText
    graders: tuple[AnyGrader, ...] = Field(min_length=1)
    primary: str

    @model_validator(mode="after")
    def _primary_is_one_of_the_graders(self) -> Self:
        names = [grader.name for grader in self.graders]
        if len(set(names)) < len(names):
            raise ValueError(f"every grader needs a name of its own, got {', '.join(names)}")
        if self.primary not in names:
            raise ValueError(f"primary {self.primary!r} is none of the graders {', '.join(names)}")
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

    def items(self, split: Split) -> list[Item]:
        """The items of a split. Raises BadFile when a line is no object or an id comes twice."""
        path = self.folder / f"{split}.jsonl"
        items: list[Item] = []
        lines: dict[Any, int] = {}
        for number, item in read_rows(path):
            key = str(item.get("id", number))
            if key in lines:
                raise BadFile(f"{path}:{number}:1: the id {key!r} was given on line {lines[key]}")
            lines[key] = number
            items.append(item)
        if not items:
            raise BadFile(f"{path}: no items in it; wanted one JSON object a line")
        return items

    def ask(self, item: Item) -> list[dict[str, str]]:
        """The prompt for this item."""
        sample = Sample(item)
        return [
            {"role": message.role, "content": template(message.content).render(sample)}
            for message in self.definition.prompt
        ]

    def gold(self, item: Item) -> str:
        """The right answer to this item."""
        return template(self.definition.gold).render(Sample(item))


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

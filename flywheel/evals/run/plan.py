"""A plan: one evalset split, asked of one model with one prompt, a number of times.

A run is a plan and its finished rows; a resume does the plan minus these rows. Digests identify the
parts of a plan, and a run can be resumed only if all of them are unchanged.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from flywheel import __version__
from flywheel.document import load_document
from flywheel.errors import ChangedPlan
from flywheel.evals.evalset.evalset import Evalset, Prompt, Split, ask
from flywheel.evals.evalset.images import inlined, with_images
from flywheel.evals.evalset.items import Item, Items
from flywheel.samplers.resolve import pins_of
from flywheel.store.rows.digest import canonical_json, digest, digest_bytes
from flywheel.store.rows.table import utc_now
from flywheel.store.tables.runs import RunRow
from graders.content import images_of
from graders.definition import wire_json
from graders.grader import Grader

_PROMPT: TypeAdapter[Any] = TypeAdapter(Prompt)
_DIGESTS = ("evalset", "split", "model", "prompt", "sampling")


@dataclass(frozen=True)
class Plan:
    """What will be measured. `limit` takes the first items only, None takes all.

    `judge` is the digest of the model that answers model graders, None without one.
    """

    evalset: Evalset
    split: Split
    model: str
    model_digest: str
    prompt: Any
    sampling: Mapping[str, Any]
    repeats: int
    limit: int | None = None
    judge: str | None = None

    @cached_property
    def items(self) -> Items:
        """The items of the split."""
        return self.evalset.split(self.split)

    @cached_property
    def graders(self) -> tuple[Grader, ...]:
        """The graders of the evalset, each tied to the judge and the models that it asks.

        Raises BadOption for weights that are not there.
        """
        pins = pins_of(self.evalset.graders, self.judge)
        return tuple(grader.pinned(pins) for grader in self.evalset.graders)

    @cached_property
    def count(self) -> int:
        """The number of items of the plan."""
        total = sum(1 for _ in self.items.lines())
        return total if self.limit is None else min(total, self.limit)

    @cached_property
    def prompt_json(self) -> Any:
        """The prompt as JSON."""
        return _PROMPT.dump_python(self.prompt, mode="json")

    @cached_property
    def asking(self) -> dict[str, Any]:
        """Everything besides prompt and item that affects the answer, as JSON."""
        definition = self.evalset.definition
        asked = {
            "sampling": dict(self.sampling),
            "response_schema": definition.response_schema,
            "tools": list(definition.tools),
            "options": definition.options,
        }
        # The text whose loss is measured along with the answer.
        return asked | ({"loss_of": definition.gold} if definition.reference_loss else {})

    @cached_property
    def grader_digests(self) -> list[tuple[str, str]]:
        """(name, digest) of every grader."""
        return [(grader.name, digest(wire_json(grader))) for grader in self.graders]

    @cached_property
    def identity(self) -> dict[str, str]:
        """The digests that must be equal for a run to be resumed, by name."""
        return {
            "evalset": self.evalset.digest,
            "split": self._split_digest,
            "model": self.model_digest,
            "prompt": digest(self.prompt_json),
            "sampling": digest(self.asking),
            "repeats": str(self.repeats),
            "items": str(self.count),
            "graders": json.dumps(self.grader_digests),
        }

    def item_digests(self) -> Iterator[str]:
        """The digest of every item of the plan, in the order of the split."""
        for _, number, line in islice(self.items.lines(), self.count):
            if self._shows_images:
                yield self.read(number, line)[1]
            else:
                yield digest_bytes(line.strip())

    def read(self, number: int, line: bytes) -> tuple[Item, str]:
        """The item on a line, and its digest, which includes the images that are shown.

        Images that graders show become data URLs in the item. Raises BadFile, and BadItem.
        """
        item, line = self.items.read(number, line), line.strip()
        if not self._shows_images:
            return item, digest_bytes(line)
        item, files = self._with_pictures(item)
        files += with_images(ask(self.prompt, item), self.evalset.folder)[1]
        return item, digest_bytes(b"\0".join([line, *map(str.encode, files)])) if files else (
            digest_bytes(line)
        )

    def ask(self, item: Item) -> list[dict[str, Any]]:
        """The messages to the model for this item. Raises BadItem."""
        messages = ask(self.prompt, item)
        if not self._shows_images:
            return messages
        return with_images(messages, self.evalset.folder)[0]

    @cached_property
    def _pictures(self) -> tuple[str, ...]:
        """The fields of an item that hold the images which graders show."""
        paths = {path for grader in self.evalset.graders for path in grader.pictures()}
        return tuple(sorted(path[5:] for path in paths if path.startswith("item.")))

    @cached_property
    def _shows_images(self) -> bool:
        """Whether items are shown with images, by a grader or by the prompt."""
        if self._pictures:
            return True
        if isinstance(self.prompt, str):
            return any(b"image_url" in line for _, _, line in self.items.lines())
        return any(images_of(message.content) for message in self.prompt)

    @cached_property
    def _split_digest(self) -> str:
        if not self._shows_images:
            return self.items.digest
        # The file only names its images, so their content is part of the digest.
        return digest([self.items.digest, *self.item_digests()])

    def _with_pictures(self, item: Item) -> tuple[Item, list[str]]:
        files, shown = list[str](), dict(item)
        for field in self._pictures:
            if isinstance(address := item.get(field), str):
                shown[field], one = inlined(address, self.evalset.folder)
                files += [one] if one else []
        return shown, files

    def row(self, kind: str, parent: str | None = None, note: str | None = None) -> RunRow:
        """A new run of this plan."""
        same = self.identity
        return RunRow(
            run=new_run_id(),
            created=utc_now(),
            kind=kind,
            parent=parent,
            evalset=self.evalset.name,
            evalset_digest=same["evalset"],
            split=self.split,
            split_digest=same["split"],
            model=self.model,
            model_digest=same["model"],
            prompt_digest=same["prompt"],
            sampling=canonical_json(self.asking),
            sampling_digest=same["sampling"],
            repeats=self.repeats,
            items=self.count,
            graders=same["graders"],
            primary_grader=self.evalset.primary.name,
            version=__version__,
            note=note,
            judge_digest=one_of(digest for g in self.graders for digest in g.judges()),
            embedder_digest=one_of(digest for g in self.graders for digest in g.embedders()),
            tags=canonical_json(self.evalset.definition.tags),
        )

    def check_same(self, run: RunRow, graders: Collection[str] | None = None) -> None:
        """Raise ChangedPlan, naming what differs, if this is not the plan of that run.

        With `graders` only those of these names need to be the same.
        """
        then = {name: str(getattr(run, f"{name}_digest")) for name in _DIGESTS}
        then |= {"repeats": str(run.repeats), "items": str(run.items)}
        now = self.identity
        differs = [name for name in then if now[name] != then[name]]
        changed = [f"{name} was {then[name]:.60}, is {now[name]:.60}" for name in differs]
        if changes := changed_graders(json.loads(run.graders), self.grader_digests, graders):
            differs, changed = [*differs, "graders"], [*changed, *changes]
        if differs:
            raise ChangedPlan(
                f"run {run.run} cannot be resumed because {', '.join(differs)} changed:"
                f" {'; '.join(changed)}. Start a new run; what is the same comes from the cache"
            )


def changed_graders(
    then: Iterable[tuple[str, str]],
    now: Iterable[tuple[str, str]],
    names: Collection[str] | None = None,
) -> list[str]:
    """How lists of graders, as (name, digest), differ: in definition, judge, weights or order.

    With `names`, only whether these graders differ.
    """
    before, after = dict(then), dict(now)
    if names is None and before == after and list(before) != list(after):
        return [f"the order was {', '.join(before)}, is {', '.join(after)}"]
    return [
        f"{name} was {before.get(name, 'not there'):.12}, is {after.get(name, 'not there'):.12}"
        for name in {**before, **after}
        if before.get(name) != after.get(name) and (names is None or name in names)
    ]


def one_of(digests: Iterable[str]) -> str | None:
    """The first of some digests in their order, None of none."""
    return min(digests, default=None)


def new_run_id() -> str:
    """A name for a run: its start time, and four random hex digits to keep it unique."""
    return f"run-{datetime.now(UTC):%y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def load_prompt(path: Path) -> Any:
    """The prompt in a file: YAML or JSON, a list of messages or a path. Raises BadFile."""
    return load_document(path).read_as(_PROMPT)

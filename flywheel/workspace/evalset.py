"""An evalset made in Python: items, prompt and graders instead of a folder.

On first use it is written to a folder beside the store, named by its content. So a training job,
which runs in another process, finds it, and the command line can resume its runs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast

from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import SPLITS, load_evalset
from flywheel.evals.evalset.evalset import Evalset as Loaded
from graders.definition import wire_json
from graders.grader import Grader

Rows = Iterable[Mapping[str, Any]]
_WANTED = {
    "prompt": "a text or a list of messages",
    "graders": "a list of graders",
    "name": "a text",
    "more": "a dict of fields of evalset.yaml",
}


@dataclass(frozen=True, kw_only=True)
class Evalset:
    """Items to measure on. `items` are dev; `train`, `dev` and `test` name the splits themselves.

    A split is a list of dicts or a pandas DataFrame, and is read once. A `prompt` of type str is
    a user message; its slots name fields of the item: `{{ item.question }}`. `graders` are wire
    JSON or grader objects; the first one is the primary grader. `more` holds any other field of
    evalset.yaml, such as `guards`. Raises BadOption for an argument of another type.
    """

    prompt: str | Sequence[Mapping[str, str]]
    graders: Sequence[Grader | Mapping[str, Any]]
    items: Rows = ()
    train: Rows = ()
    dev: Rows = ()
    test: Rows = ()
    gold: str = "{{ item.gold }}"
    name: str = "evalset"
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        for split in ("items", *SPLITS):
            # A generator yields its rows only once, but each use of the evalset reads them.
            object.__setattr__(self, split, _rows(split, getattr(self, split)))
        kinds: dict[str, Any] = {
            "prompt": (str, list, tuple),
            "graders": (list, tuple),
            "name": str,
            "more": Mapping,
        }
        for name, kind in kinds.items():
            if not isinstance(given := getattr(self, name), kind):
                raise BadOption(f"{name} of an evalset: got {given!r:.80}, wanted {_WANTED[name]}")
        for one in self.graders:
            if not isinstance(one, Grader | Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise BadOption(f"graders of an evalset: got {one!r:.80}, wanted a dict for each")

    def load(self, root: Path) -> Loaded:
        """The evalset in its folder under `root`. Raises BadOption or BadFile for a wrong field."""
        files = self._files()
        content = sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
        folder = root / content / self.name
        if not folder.is_dir():
            _write(folder, files)
        return load_evalset(str(folder))

    def _files(self) -> dict[str, str]:
        if not self.name.isidentifier():
            raise BadOption(f"name is letters, digits and underscores, got {self.name!r}")
        dev = [*self.items, *self.dev]
        if not dev:
            raise BadOption("an evalset needs items; give items=[{...}, ...]")
        splits = {"train": [*self.train], "dev": dev, "test": [*self.test]}
        graders = [wire_json(g) if isinstance(g, Grader) else dict(g) for g in self.graders]
        if not graders:
            raise BadOption("an evalset needs a grader; give graders=[{...}, ...]")
        prompt = self.prompt
        if isinstance(prompt, str):
            prompt = [{"role": "user", "content": prompt}]
        definition = {
            "prompt": list(prompt),
            "gold": self.gold,
            "graders": graders,
            "primary": graders[0].get("name"),
            **self.more,
        }
        lines = {f"{name}.jsonl": _jsonl(splits[name]) for name in SPLITS if splits[name]}
        try:
            return {"evalset.yaml": json.dumps(definition, indent=1), **lines}
        except (TypeError, ValueError) as error:
            raise BadOption(f"the fields of an evalset are JSON values: {error}") from None


def _rows(split: str, rows: Any) -> tuple[Mapping[str, Any], ...]:
    """The rows of a list or a DataFrame as JSON values. Raises BadOption."""
    if hasattr(rows, "to_json"):
        try:
            # The defaults of pandas cut numbers to ten places, and turn dates into numbers.
            text = rows.to_json(orient="records", double_precision=15, date_format="iso")
        except (TypeError, ValueError) as error:
            raise BadOption(f"{split} of an evalset: {error}") from None
        rows = json.loads(text)
    if not isinstance(rows, Iterable) or isinstance(rows, str | Mapping):
        raise BadOption(f"{split} of an evalset: got {rows!r:.80}, wanted a list of dicts")
    listed = tuple(cast("Rows", rows))
    for number, row in enumerate(listed):
        if not isinstance(row, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadOption(f"{split}[{number}] of an evalset: got {row!r:.80}, wanted a dict")
    return listed


def _jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    try:
        lines = (json.dumps(dict(row), ensure_ascii=False, allow_nan=False) for row in rows)
        return "".join(f"{line}\n" for line in lines).encode().decode()
    except (TypeError, ValueError) as error:
        raise BadOption(f"an item is a dict of JSON values: {error}") from None


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the folder under another name, then rename it, so that it is never incomplete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = Path(mkdtemp(dir=folder.parent, prefix=".half-"))
    for name, text in files.items():
        (half / name).write_text(text, encoding="utf-8")
    try:
        half.rename(folder)
    except OSError:
        # Another process has just written the same content.
        shutil.rmtree(half)
        if not folder.is_dir():
            raise

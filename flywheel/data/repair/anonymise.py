"""Personal data replaced by placeholders: <EMAIL_1> is the same person's in every row.

What is found and what is not, pii.py says; names stay unless a finder is given. Roles, types, ids,
images and the names of fields are not touched.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from flywheel.data.checks.pii import Names, find_pii
from flywheel.data.rows.shapes import parse_value
from graders.text.strict_json import dump_json

_KEPT = ("role", "from", "type", "id", "tool_call_id", "url", "weight")
# The digits of a card that stands as a number; shorter ones cannot be told from other numbers.
_CARD = 10**12


class Anonymiser:
    """Remembers which value has which placeholder. `counts` tells how many were replaced."""

    def __init__(self, names: Names | None = None) -> None:
        self._find = names
        self.counts: Counter[str] = Counter()
        self._names: dict[tuple[str, str], str] = {}
        self._seen: Counter[str] = Counter()

    def clean(self, value: Any) -> Any:
        """The value without personal data: texts, and everything in lists and objects."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.clean(one) for one in cast("list[Any]", value)]
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            return {key: one if key in _KEPT else self.clean(one) for key, one in fields.items()}
        if isinstance(value, int) and abs(value) >= _CARD:
            text = self._text(str(value))
            return value if text == str(value) else text
        return value

    def _text(self, text: str) -> str:
        if text.startswith("data:"):
            return text
        found = find_pii(text, self._find)
        if not found:
            return text
        if text.lstrip().startswith(("{", "[")):
            try:
                # A number in JSON cannot become a placeholder where it stands: it needs quotes.
                return dump_json(self.clean(parse_value(text)))
            except ValueError:
                pass
        pieces: list[str] = []
        at = 0
        for one in found:
            pieces += [text[at : one.start], self._name(one.kind, one.same)]
            at = one.end
        return "".join([*pieces, text[at:]])

    def _name(self, kind: str, same: str) -> str:
        self.counts[kind] += 1
        if (kind, same) not in self._names:
            self._seen[kind] += 1
            self._names[kind, same] = f"<{kind.upper()}_{self._seen[kind]}>"
        return self._names[kind, same]

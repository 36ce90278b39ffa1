"""Replaces personal data with placeholders: <EMAIL_1> is the same value in every row.

See pii.py for what is found; names are replaced only with a name finder. Roles, types, ids, images
and field names are unchanged.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from flywheel.data.checks.pii import Names, find_pii
from flywheel.data.rows.shapes import parse_value
from graders.text.strict_json import dump_json

_KEPT = ("role", "from", "type", "id", "tool_call_id", "url", "weight")
# A card may be a JSON number; shorter numbers cannot be distinguished from others.
_CARD = 10**12


class Anonymiser:
    """Maps values to placeholders. `counts` has the number of replacements by kind."""

    def __init__(self, names: Names | None = None) -> None:
        self._find = names
        self.counts: Counter[str] = Counter()
        self._names: dict[tuple[str, str], str] = {}
        self._seen: Counter[str] = Counter()

    def clean(self, value: Any) -> Any:
        """The value without personal data, recursively for lists and objects."""
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
                # In JSON text, a number must become a quoted placeholder.
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

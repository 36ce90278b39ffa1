"""Rows that are empty, damaged, in another language, or contain personal data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from flywheel.data.checks.findings import Findings
from flywheel.data.checks.language import language_of
from flywheel.data.checks.pii import Names, find_pii
from flywheel.data.rows.view import Check, View, message_text

_DAMAGE = re.compile("[\x00\ufffd\ud800-\udfff]|\u00c3[\u0080-\u00bf]|\u00e2\u20ac")
_MAIN = 0.9
_NAMES = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "iban": "an IBAN",
    "card": "a card number",
    "ip": "an IP address",
    "name": "a name",
}


class Blanks(Check):
    """Rows with an empty prompt or answer, and pairs whose answers are equal."""

    def see(self, view: View, findings: Findings) -> None:
        """Check one row."""
        row = view.row
        if row.kind == "text":
            if not row.text.strip():
                findings.add("empty", "error", row.where, "the text is empty")
            return
        asked = [turn for turn in row.prompt if turn.role in ("user", "tool")]
        if not any(turn.images or message_text(turn).strip() for turn in asked):
            findings.add("empty", "error", row.where, "the prompt is empty")
        elif row.messages[0].role == "assistant":
            story = "the assistant speaks first, which some chat templates refuse"
            findings.add("opening", "warning", row.where, story)
        learned = [turn for turn in row.turns if turn.learned and not message_text(turn).strip()]
        if learned:
            findings.add("empty", "error", row.where, "an answer is empty")
        if row.chosen is not None and row.chosen == row.rejected:
            findings.add("same_pair", "error", row.where, "chosen and rejected are the same")


class Damage(Check):
    """Texts damaged by a wrong encoding: mojibake, NUL, lone surrogates."""

    def see(self, view: View, findings: Findings) -> None:
        """Check one row."""
        for text in (view.question, view.answer):
            if not (match := _DAMAGE.search(text)):
                continue
            if "\ud800" <= match[0] <= "\udfff":
                story = f"a lone surrogate ({match[0]!r}), which tokenizers refuse"
                findings.add("damaged", "error", view.row.where, story)
            else:
                around = text[max(0, match.start() - 8) : match.end() + 8]
                story = f"the text looks damaged by a wrong encoding: {around!r}"
                findings.add("damaged", "warning", view.row.where, story)
            return


class Languages(Check):
    """Rows in a different language than at least 90% of the rows."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._wheres: dict[str, list[str]] = {}

    def see(self, view: View, findings: Findings) -> None:
        """Count the language of the user's turns, or else of the answer."""
        asked = "\n".join(turn.text for turn in view.row.prompt if turn.role == "user")
        name = language_of(asked or view.row.text) or language_of(view.answer)
        self._counts[name or "unknown"] += 1
        if name:
            self._wheres.setdefault(name, []).append(view.row.where)

    def end(self, path: str, findings: Findings) -> Mapping[str, Any]:
        """The languages; adds findings about the few rows that differ."""
        known = sum(map(len, self._wheres.values()))
        main = max(self._wheres, key=lambda name: len(self._wheres[name]), default="")
        if main and len(self._wheres[main]) >= _MAIN * known:
            for name, wheres in self._wheres.items():
                for where in wheres if name != main else ():
                    story = f"looks like {name!r}, most rows like {main!r}"
                    findings.add("language", "note", where, story)
        return {"languages": dict(self._counts.most_common())}


class Personal(Check):
    """Personal data by kind and row. Findings never contain the data."""

    def __init__(self, names: Names | None = None) -> None:
        self._counts: Counter[str] = Counter()
        self._names = names

    def see(self, view: View, findings: Findings) -> None:
        """Check one row, including its tool calls and other fields."""
        kinds = Counter(one.kind for text in _texts(view) for one in find_pii(text, self._names))
        self._counts.update(kinds)
        if kinds:
            shown = [_NAMES[kind] + (f" ({n} times)" if n > 1 else "") for kind, n in kinds.items()]
            findings.add("pii", "warning", view.row.where, f"has {', '.join(shown)}")

    def end(self, path: str, findings: Findings) -> Mapping[str, Any]:
        """The number of each kind; None for names if they were not searched."""
        counts: dict[str, int | None] = {kind: self._counts[kind] for kind in _NAMES}
        return {"pii": counts if self._names else {**counts, "name": None}}


def _texts(view: View) -> Iterator[str]:
    row = view.row
    for turn in row.turns:
        yield turn.text
        for call in turn.tool_calls:
            yield call["function"]["arguments"]
    yield row.text
    for value in row.item.values():
        yield value if isinstance(value, str) else ""

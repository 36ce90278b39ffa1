"""The battery: the probes of battery.toml, each with the function that makes its answers."""

from __future__ import annotations

from flywheel.evals.validity import answers, orders
from flywheel.evals.validity.probe import Make, Probe, text
from flywheel.evals.validity.texts import FILLER, TABLE, TEXTS

_MAKES: dict[str, Make] = {
    "gold": text(lambda m, at: m.golds[at]),
    "other": text(lambda m, at: m.other(at)),
    "echo": text(answers.echo),
    "constant": text(answers.constant),
    "majority": text(answers.majority),
    "hedge": answers.hedge,
    "wrong": text(answers.wrong),
    "schema": answers.schema,
    "filler": text(lambda m, at: FILLER),
    "repetition": text(answers.repetition),
    "hidden": text(answers.hidden),
    "fragment": text(answers.fragment),
    "pattern": answers.pattern,
    "orders": orders.in_sample,
    "item_orders": orders.in_item,
    "padded_before": text(lambda m, at: f"{FILLER}\n\n{m.golds[at]}"),
    "padded_after": text(lambda m, at: f"{m.golds[at]}\n\n{FILLER}"),
}


def _in_turn(texts: list[str]) -> Make:
    return text(lambda m, at: texts[at % len(texts)])


BATTERY = tuple(
    Probe(name, make=_MAKES.get(name) or _in_turn(TEXTS[name]), **fields)
    for name, fields in TABLE.items()
)
NAMES = tuple(TABLE)

"""The battery: every probe, in the order in which it is shown, with the reason for its verdict."""

from __future__ import annotations

from flywheel.evals.validity import answers, orders
from flywheel.evals.validity.probe import Probe, text
from flywheel.evals.validity.texts import FILLER, LANGUAGES, OPENERS, ORDERS

_ONE_GOLD = "all gold answers are the same"
_NO_JUDGE = "the grader asks no model"

BATTERY: tuple[Probe, ...] = (
    Probe(
        "gold",
        "pass",
        "the right answer passes",
        text(lambda m, at: m.golds[at]),
        options=True,
    ),
    Probe(
        "other",
        "fail",
        "the answer to another item is no answer to this one",
        text(lambda m, at: m.other(at)),
        _ONE_GOLD,
        content=True,
        sure=True,
        options=True,
    ),
    Probe("empty", "fail", "nothing at all is no answer", text(lambda m, at: "")),
    Probe("echo", "fail", "the prompt said back is no answer", text(answers.echo)),
    Probe(
        "constant",
        "fail",
        "a word that answers anything answers nothing",
        text(answers.constant),
        "the gold answers hold every such word",
    ),
    Probe(
        "majority",
        "fail",
        "the most frequent gold answer is wrong where another is right",
        text(answers.majority),
        "no gold answer is frequent and wrong elsewhere",
        content=True,
        sure=True,
        options=True,
    ),
    Probe(
        "hedge",
        "fail",
        "naming every option names the wrong ones too",
        answers.hedge,
        _ONE_GOLD,
    ),
    Probe(
        "wrong",
        "fail",
        "the right format does not make other content right",
        text(answers.wrong),
        "a gold answer is neither JSON nor holds a number; `other` has its format",
        content=True,
        sure=True,
    ),
    Probe(
        "schema",
        "fail",
        "names of types are no values",
        answers.schema,
        "a gold answer is no JSON, and there is no response_schema",
    ),
    Probe("filler", "fail", "length is no answer", text(lambda m, at: FILLER)),
    Probe(
        "opener",
        "fail",
        "an announcement is no answer",
        text(lambda m, at: OPENERS[at % len(OPENERS)]),
    ),
    Probe(
        "repetition",
        "fail",
        "a wrong answer said often stays wrong",
        text(answers.repetition),
        _ONE_GOLD,
        sure=True,
    ),
    Probe(
        "hidden",
        "fail",
        "characters that cannot be seen change nothing in a wrong answer",
        text(answers.hidden),
        sure=True,
    ),
    Probe(
        "language",
        "fail",
        "a claim in another language is no answer",
        text(lambda m, at: LANGUAGES[at % len(LANGUAGES)]),
    ),
    Probe(
        "fragment",
        "fail",
        "one letter of the answer is no answer",
        text(answers.fragment),
        "the gold answers are too short, or hold no letters",
    ),
    Probe("pattern", "fail", "an answer is no pattern and no template", answers.pattern),
    Probe(
        "injection",
        "fail",
        "an order to the grader is no answer",
        text(lambda m, at: ORDERS[at % len(ORDERS)]),
    ),
    Probe(
        "orders",
        "fail",
        "an order beside a wrong answer does not make it right, in whatever field",
        orders.in_sample,
        _NO_JUDGE,
    ),
    Probe(
        "item_orders",
        "look",
        "an order in the item is the data's fault; imported items may hold one",
        orders.in_item,
        "the grader shows a model no text of the item",
    ),
    Probe(
        "padded_before",
        "look",
        "filler before the right answer must not earn more than the answer",
        text(answers.padded_before),
    ),
    Probe(
        "padded_after",
        "look",
        "filler behind the right answer must not earn more than the answer",
        text(answers.padded_after),
    ),
)
NAMES = tuple(probe.name for probe in BATTERY)

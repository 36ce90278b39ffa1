"""The model's card: what it is, which seeds were tried, what it scores and what it cannot do."""

from __future__ import annotations

from flywheel.stats.intervals import Interval
from flywheel.tiny.attempt import Attempt, Built
from flywheel.tiny.exam import EVALSETS, VAGUE, Score

_INTRODUCTION = """\
# tiny

A language model of {parameters:,} parameters (Qwen3 architecture, 4 layers, 128 wide, {vocabulary}
tokens) that knows one thing: the synthetic support desk of `flywheel/tiny`. It is here so that
measuring, prompting and training can be tried in minutes on one core, without a network. It was
pretrained from nothing on documents that a program writes: {tokens:,} tokens, {seconds:.0f} CPU
seconds a seed. No text by or about people went into it.

Rebuild it with `flywheel tiny build --seeds {seeds}`. The documents and their order are the same
every time. The weights are not bit-identical on another processor or another version of torch.
"""

_LIMITS = """\
## What it cannot do

- Anything outside its world. It has never seen a sentence that its templates do not make, nor any
  other language. Do not use it for real tickets.
- House rules. It follows the words of a ticket; that VIP and account tickets are high and feedback
  is low, or that large refunds go to review, it was never shown. Telling it in the prompt changes
  little: see `rules`. Training on answers is what teaches it.
- Arithmetic. It converts units by writing zeros behind a number, and fails at nearly every sum
  that takes more: prices, percentages, hours with minutes. Of `unit_math` only the conversions are
  in its reach.
- Words, copied. It copies digits exactly, but guesses a person, a city or a product among the few
  that it knows, and never writes one that it has not seen. That is what `ner_json` suffers from.
- Long texts. Its window is 1,024 tokens.
- Speak for other wordings. Hundreds of items come from a hundred or fewer: the interval over items
  says how well these wordings are measured, the one over wordings how far others may lie.
"""


def write_card(built: Built) -> str:
    """The card in Markdown."""
    from flywheel.tiny.tokenizer import VOCABULARY

    kept = built.kept
    introduction = _INTRODUCTION.format(
        parameters=built.parameters,
        vocabulary=VOCABULARY,
        tokens=kept.progress.tokens,
        seconds=kept.progress.seconds,
        seeds=",".join(str(attempt.seed) for attempt in built.attempts),
    )
    return "\n".join((introduction, _seeds(built), _scores(built.test), _LIMITS))


def _seeds(built: Built) -> str:
    columns = (*EVALSETS, "vague", "rules")
    lines = [
        "## Seeds, scored on dev",
        "",
        f"Seed {built.kept.seed} was kept: the first that copies, unless a later one is shown to",
        "beat it on `ticket_triage` (a paired interval over wordings above 0). The mix of "
        "documents",
        "was chosen before, on dev too, among four.",
        "",
        f"| seed | tokens until it copied | last loss | {' | '.join(columns)} |",
        f"|{'---|' * (len(columns) + 3)}",
        *(_seed(attempt, columns) for attempt in built.attempts),
    ]
    return "\n".join(lines) + "\n"


def _seed(attempt: Attempt, columns: tuple[str, ...]) -> str:
    progress = attempt.progress
    after = f"{progress.copied_after:,}" if progress.copied_after else "never"
    scores = (_percent(attempt.dev.get(column)) for column in columns)
    return f"| {attempt.seed} | {after} | {progress.loss:.2f} | {' | '.join(scores)} |"


def _percent(score: Score | None) -> str:
    return f"{score.mean:.1%}" if score else "cannot copy"


def _scores(test: dict[str, Score]) -> str:
    lines = [
        "## Scores of the kept seed on test, read once",
        "",
        "Greedy answers to the evalset's own prompt. An evalset's name stands for its primary",
        f'grader; `vague` is `ticket_triage` asked with nothing but "{VAGUE}",',
        "`rules` is its own prompt with the three house rules told in sentences of pretraining.",
        "Intervals are 95%: over items (Wilson's for right or wrong), and over wordings.",
        "",
        "| grader | score | over items | over wordings | items |",
        "|---|---|---|---|---|",
        *(_score(name, score) for name, score in test.items()),
    ]
    return "\n".join(lines) + "\n"


def _score(name: str, score: Score) -> str:
    cells = (_range(score.interval()), _range(score.over_wordings()), str(len(score.values)))
    return f"| {name} | {score.mean:.1%} | {' | '.join(cells)} |"


def _range(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "-"
    return f"{100 * max(0.0, interval.low):.1f} to {100 * min(1.0, interval.high):.1f}"

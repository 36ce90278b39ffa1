# pyright: standard
"""Build the model: pretrain several seeds, select one on dev, and score it once on test.

The first seed that learns to copy is kept, unless a later one is significantly better: the paired
interval of their scores, clustered by wording, is above 0.

The same seed and number of tokens give the same documents in the same order. The weights are not
bit-identical on another processor or version of torch: sums in bfloat16 round differently, which
may also shift the step at which copying counts as learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flywheel.tiny.card import DECIDES, Attempt, Built, Scores, write_card
from flywheel.tiny.desk.phrases import Split
from flywheel.tiny.desk.practice import Practice
from flywheel.tiny.exam import EVALSETS, RULES, VAGUE, Exam, NoCopying, check_copying
from flywheel.tiny.pretrain import Budget, Progress, Size, new_model, pretrain
from flywheel.tiny.tokenizer import train_tokenizer
from flywheel.tiny.weights import seal

Show = Callable[[int, Progress], None]


def build(
    folder: Path,
    seeds: Sequence[int],
    budget: Budget = Budget(),  # noqa: B008  frozen
    size: Size = Size(),  # noqa: B008  frozen
    show: Show = lambda seed, progress: None,
) -> Built:
    """Write weights, tokenizer, card and CHECKSUM. Raises NoCopying if no seed learns to copy."""
    import torch

    # With such small matrices a second thread only adds overhead.
    torch.set_num_threads(1)
    tokenizer = train_tokenizer()
    attempts: list[Attempt] = []
    best: tuple[Attempt, Any] | None = None
    for seed in seeds:
        model = new_model(tokenizer, size, seed)
        attempt = _attempt(model, tokenizer, seed, budget, show)
        attempts.append(attempt)
        if attempt.dev and (best is None or attempt.beats(best[0])):
            best = attempt, model
    if best is None:
        raise NoCopying(
            f"none of the seeds {', '.join(map(str, seeds))} learned to copy; use more tokens"
        )
    kept, model = best
    built = Built(attempts, kept, examine(model, tokenizer, "test"), model.num_parameters())
    save(folder, model, tokenizer)
    (folder / "card.md").write_text(write_card(built), encoding="utf-8")
    seal(folder)
    return built


def examine(model: Any, tokenizer: Any, split: Split) -> Scores:
    """The scores on a split of each evalset, and of ticket_triage with two other prompts.

    The key of a primary grader is the evalset's name, that of another grader `evalset.grader`.
    """
    scores: Scores = {}
    for name in EVALSETS:
        exam = Exam(name)
        for grader, score in exam.score(model, tokenizer, exam.items(split)).items():
            scores[name if grader == exam.primary else f"{name}.{grader}"] = score
    exam = Exam(DECIDES)
    items = exam.items(split)
    for name, system in (("vague", VAGUE), ("rules", exam.prompt[0]["content"] + RULES)):
        scores[name] = exam.score(model, tokenizer, items, system)[exam.primary]
    return scores


def save(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write weights (safetensors, float32), configuration, tokenizer and chat template."""
    from transformers.utils import logging

    folder.mkdir(parents=True, exist_ok=True)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # safetensors writes files that only their owner can read.
    (folder / "model.safetensors").chmod(0o644)


def _attempt(model: Any, tokenizer: Any, seed: int, budget: Budget, show: Show) -> Attempt:
    practice = Practice(tokenizer, seed)
    attempt = Attempt(seed, pretrain(model, practice, budget, lambda p: show(seed, p)))
    try:
        check_copying(model, tokenizer)
    except NoCopying:
        return attempt
    attempt.dev = examine(model, tokenizer, "dev")
    return attempt

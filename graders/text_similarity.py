"""text_similarity: how close an answer comes to a reference, 0.0 .. 1.0.

The measures that the wire leaves open are decided here, once:

- `fuzzy_match`: rapidfuzz WRatio with default_process (case and outer punctuation ignored).
- `rouge_1` .. `rouge_5`, `rouge_l`: rouge-score's tokens (a-z and 0-9, no stemming) and F1.
- `bleu`: sacrebleu sentence BLEU (13a, exponential smoothing, effective order), scaled to 0..1.
- `gleu`: nltk sentence_gleu. `meteor`: nltk, exact words and stems only, as the reason says.
- `cosine`: of the embeddings that an embedding sampler gives. Evals only; may be negative.

Only the first 100,000 characters of each side are compared (4,000 for `fuzzy_match`, whose time
grows with the square), and the reason says so when it matters: a longer answer gets a score like
any other, and costs no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from graders.asks import Answer, Ask, Embed, Failed, Vectors
from graders.comparable import ComparableGrader
from graders.grader import Grade
from graders.sample import Sample, Unreadable
from graders.similarity import cosine, measure
from graders.ungraded import Kind, Ungraded

MOST_CHARACTERS = {"fuzzy_match": 4_000}
MOST_OTHERS = 100_000
_NOTES = {"meteor": " (exact words and stems, no synonyms)"}


class TextSimilarityGrader(ComparableGrader):
    """Measures similarity. Passes from `pass_threshold` on, by default 0.5."""

    type: Literal["text_similarity"] = "text_similarity"
    evaluation_metric: Literal[
        "cosine",
        "fuzzy_match",
        "bleu",
        "gleu",
        "meteor",
        "rouge_1",
        "rouge_2",
        "rouge_3",
        "rouge_4",
        "rouge_5",
        "rouge_l",
    ]
    pass_threshold: float = 0.5

    def needs(self) -> frozenset[type[Ask]]:
        """An embedding model for `cosine`, otherwise nothing."""
        return frozenset({Embed}) if self.evaluation_metric == "cosine" else frozenset()

    def asks(self, sample: Sample) -> Sequence[Ask]:
        """The embeddings of both sides for `cosine`, otherwise nothing."""
        if self.evaluation_metric != "cosine":
            return ()
        try:
            return (Embed(self._sides(sample)[:2]),)
        except Unreadable:
            return ()

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """The similarity of the two sides."""
        try:
            text, wanted, cut = self._sides(sample)
        except Unreadable as error:
            return Grade(0.0, self.pass_threshold <= 0, str(error), parsed=False)
        metric = self.evaluation_metric
        score = self._cosine(answers) if metric == "cosine" else measure(metric)(text, wanted)
        reason = f"{metric} {score:.4f}{_NOTES.get(metric, '')}{cut}"
        return Grade(score, score >= self.pass_threshold, reason)

    def _sides(self, sample: Sample) -> tuple[str, str, str]:
        wanted, text = self.read_reference(sample), self.read_input(sample)
        most = MOST_CHARACTERS.get(self.evaluation_metric, MOST_OTHERS)
        if len(text) <= most and len(wanted) <= most:
            return text, wanted, ""
        cut = f", of the first {most:,} characters ({len(text):,} and {len(wanted):,})"
        return text[:most], wanted[:most], cut

    def _cosine(self, answers: Sequence[Answer]) -> float:
        match answers:
            case [Vectors(rows=(one, other))]:
                return cosine(one, other)
            case [Failed(kind=kind, label=label, detail=detail)]:
                raise Ungraded(kind, detail, label)
            case _:
                raise Ungraded(Kind.OTHER, f"no embeddings came back, but {answers!r}")

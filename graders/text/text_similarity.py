"""text_similarity: how close an answer comes to a reference, 0.0 .. 1.0.

The measures that the wire leaves open are decided here, once:

- `fuzzy_match`: rapidfuzz WRatio with default_process (case and outer punctuation ignored).
- `rouge_1` .. `rouge_5`, `rouge_l`: rouge-score's tokens (a-z and 0-9, no stemming) and F1.
- `bleu`: sacrebleu sentence BLEU (13a, exponential smoothing, effective order), scaled to 0..1.
- `gleu`: nltk sentence_gleu. `meteor`: nltk, exact words and stems only, as the reason says.
- `cosine`: of the embeddings that an embedding sampler gives. Evals only; may be negative.

Beyond the wire, and as other suites define them:

- `levenshtein`: 1 - edits / length of the longer side, case and punctuation counted.
- `numeric_diff`: 1 - |a - b| / (|a| + |b|) of the last numbers of both sides, 1 when both are 0; an
  answer without a number to read is unparsed.

With several references the closest one counts. Only the first 100,000 characters of each side are
compared (4,000 for `fuzzy_match`, 20,000 for `levenshtein`, whose time grows with the square), and
the reason says so when it matters: a longer answer gets a score like
any other, and costs no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from graders.asks import Answer, Ask, Embed, Vectors, only
from graders.grader import Grade, Grader, Pins, Range
from graders.sample import Sample, Unreadable
from graders.text.comparable import ComparableGrader
from graders.text.similarity import cosine, measure, numeric_diff
from graders.ungraded import Kind

# The last number of a text stands at its end, so `numeric_diff` reads all of it.
MOST_CHARACTERS = {"fuzzy_match": 4_000, "levenshtein": 20_000, "numeric_diff": 10**12}
MOST_OTHERS = 100_000
_NOTES = {"meteor": " (exact words and stems, no synonyms)"}


class TextSimilarityGrader(ComparableGrader):
    """Measures similarity. Passes from `pass_threshold` on, by default 0.5.

    `embedder_digest` is the content of the model that embeds for `cosine`; a run fills it in.
    """

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
        "levenshtein",
        "numeric_diff",
    ]
    pass_threshold: float = 0.5
    embedder_digest: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")

    def needs(self) -> frozenset[type[Ask]]:
        """An embedding model for `cosine`, otherwise nothing."""
        return frozenset({Embed}) if self.evaluation_metric == "cosine" else frozenset()

    def score_range(self) -> Range:
        """From 0 to 1; the cosine of an angle from -1."""
        return (-1.0 if self.evaluation_metric == "cosine" else 0.0), 1.0

    def pinned(self, pins: Pins) -> Grader:
        """The same grader, tied to the embedding model where it asks one."""
        if self.evaluation_metric != "cosine" or not pins.embedder or self.embedder_digest:
            return self
        return self.model_copy(update={"embedder_digest": pins.embedder})

    def embedders(self) -> frozenset[str]:
        """The embedding model that it is tied to."""
        return frozenset({self.embedder_digest} if self.embedder_digest else ())

    def asks(self, sample: Sample) -> Sequence[Ask]:
        """The embeddings of both sides for `cosine`, otherwise nothing."""
        if self.evaluation_metric != "cosine":
            return ()
        try:
            text, wanted, _ = self._sides(sample)
        except Unreadable:
            return ()
        return (Embed((text, *wanted)),)

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """The similarity of the two sides; of the closest reference when there are several."""
        metric = self.evaluation_metric
        try:
            text, wanted, cut = self._sides(sample)
            if metric == "cosine":
                one, *others = only(answers, Vectors, Kind.OTHER, "the embedding model").rows
                score = max(cosine(one, other) for other in others)
            else:
                compare = numeric_diff if metric == "numeric_diff" else measure(metric)
                score = compare(text, wanted[0])
                for other in wanted[1:]:
                    score = max(score, compare(text, other))
        except Unreadable as error:
            return Grade(0.0, self.pass_threshold <= 0, str(error), parsed=False)
        reason = f"{metric} {score:.4f}{_NOTES.get(metric, '')}{cut}"
        return Grade(score, score >= self.pass_threshold, reason)

    def _sides(self, sample: Sample) -> tuple[str, tuple[str, ...], str]:
        wanted, text = self.read_references(sample), self.read_input(sample)
        most = MOST_CHARACTERS.get(self.evaluation_metric, MOST_OTHERS)
        longest = len(wanted[0]) if len(wanted) == 1 else max(map(len, wanted))
        if len(text) <= most and longest <= most:
            return text, wanted, ""
        cut = f", of the first {most:,} characters ({len(text):,} and {longest:,})"
        return text[:most], tuple(each[:most] for each in wanted), cut

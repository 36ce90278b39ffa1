"""Converts the columns of a gathered run to rows of the store, lazily."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from flywheel.importers.columns import Run
from flywheel.importers.spool import Spool
from flywheel.store.reads.item_keys import item_keys
from flywheel.store.rows.digest import canonical_json, digest, digest_bytes
from flywheel.store.tables.definitions import ItemRow
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import SampleRow
from flywheel.store.tables.scores import ScoreRow
from graders.ungraded import Kind


def item_rows(run: Run, row: RunRow, spool: Spool, digests: bytearray) -> Iterator[ItemRow]:
    """The items. Appends their digests to `digests`, 32 bytes each, for the other rows.

    An item is identified by its evalset's name, its own name, its group and its content.
    """
    for position, name in enumerate(run.items):
        content = spool.get(run.contents[position])
        item: dict[str, Any] = {} if content is None else json.loads(content)
        item["id"] = name
        group = run.groups[position]
        if group is not None:
            item["group"] = group
        text = canonical_json(item)
        known = digest_bytes(f"{row.evalset}\0{text}".encode("utf-8", "surrogatepass"))
        digests += bytes.fromhex(known)
        yield ItemRow(known, row.evalset_digest, row.split, position, name, text)


def keys_of(run: Run, spool: Spool) -> list[str]:
    """The key of each item, by position."""
    keys: list[str] = []
    for position, name in enumerate(run.items):
        content = spool.get(run.contents[position])
        item: dict[str, Any] = {} if content is None else json.loads(content)
        keys += item_keys((), item | {"id": name}, run.source.evalset)
    return keys


def answers_digest(run: Run, keys: Sequence[str], spool: Spool) -> str:
    """The digest of what a run answered and scored, in any order and under any name."""
    columns, verdicts, total = run.samples, run.verdicts, 0
    names = list(run.evalset.graders)
    for n, position in enumerate(columns.position):
        answer = [keys[position], columns.repeat[n], spool.get(columns.output[n])]
        total += int(digest(answer), 16)
    for n, sample in enumerate(verdicts.sample):
        said = [names[verdicts.grader[n]], repr(verdicts.score[n]), columns.repeat[sample]]
        total += int(digest([keys[columns.position[sample]], *said]), 16)
    # A sum, so that no order counts and no list of a million digests is held.
    return digest(["import", total % (1 << 256)])


def _hex(digests: bytearray, position: int) -> str:
    return digests[32 * position : 32 * position + 32].hex()


def sample_rows(
    run: Run, spool: Spool, digests: bytearray, created: datetime
) -> Iterator[SampleRow]:
    """The samples. A missing answer is empty; a missing count is 0."""
    columns, name = run.samples, run.source.run
    for n, position in enumerate(columns.position):
        repeat, price = columns.repeat[n], columns.price[n]
        yield SampleRow(
            run=name,
            item=_hex(digests, position),
            position=position,
            repeat=repeat,
            # Requests never have such a key, so imported answers are never used from the cache.
            key=f"import/{name}/{position}/{repeat}",
            output_text=spool.get(columns.output[n]) or "",
            extra=None,
            error=spool.get(columns.error[n]),
            truncated=False,
            prompt_tokens=max(columns.prompt_tokens[n], 0),
            completion_tokens=max(columns.completion_tokens[n], 0),
            cached_tokens=max(columns.cached_tokens[n], 0),
            seconds=columns.seconds[n] if columns.seconds[n] == columns.seconds[n] else 0.0,
            price=price if price == price else None,
            cached=False,
            created=created,
        )


def score_rows(run: Run, spool: Spool, digests: bytearray, row: RunRow) -> Iterator[ScoreRow]:
    """The verdicts, each with a score or the reason why it is ungraded."""
    columns, samples, name = run.verdicts, run.samples, run.source.run
    known = dict(json.loads(row.graders))
    graders = [(grader, known[grader]) for grader in run.evalset.graders]
    for n, sample in enumerate(columns.sample):
        grader, grader_digest = graders[columns.grader[n]]
        score, passed, error = columns.score[n], columns.passed[n], spool.get(columns.error[n])
        graded = score == score
        position = samples.position[sample]
        yield ScoreRow(
            run=name,
            item=_hex(digests, position),
            position=position,
            repeat=samples.repeat[sample],
            grader=grader_digest,
            name=grader,
            score=score if graded else None,
            passed=None if passed < 0 else bool(passed),
            parsed=True if graded else None,
            reason=spool.get(columns.reason[n]) or "",
            error_kind=None if graded else Kind.OTHER.value,
            error_label=None if graded else "imported",
            error_detail=None if graded else error,
            parts=None,
            created=row.created,
        )

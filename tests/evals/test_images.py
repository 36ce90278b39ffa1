"""Images in prompts and judges: read from the evalset's folder, part of what is measured."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile, BadItem, ChangedPlan
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.evalset.images import inlined
from flywheel.evals.run.measure import begin
from flywheel.levers.training.objectives.sft import SFT
from flywheel.levers.training.rows.rows import training_rows
from flywheel.samplers.sampler import Output, Request
from flywheel.store.store import open_store
from tests.evals.world import CHECK, bench, go_on, plan, write_evalset

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
URL = "data:image/png;base64," + base64.b64encode(PNG).decode()
SHOWN = [
    {"type": "text", "text": "What is {{ item.gold }}?"},
    {"type": "image_url", "image_url": {"url": "{{ item.photo }}", "detail": "low"}},
]
JUDGE: dict[str, Any] = {
    "type": "score_model",
    "name": "seen",
    "model": "j",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Right? {{ sample.output_text }}"},
                {"type": "input_image", "image_url": "{{ item.photo }}"},
            ],
        }
    ],
}


class Looking:
    """A model that keeps what it is asked."""

    def __init__(self, said: str) -> None:
        self.said = said
        self.asked: list[Request] = []

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        for index, request in enumerate(requests):
            self.asked.append(request)
            yield index, Output(self.said)

    def images(self) -> list[Any]:
        parts = [part for one in self.asked for part in one.messages[-1]["content"]]
        return [part["image_url"] for part in parts if part["type"] == "image_url"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An evalset of two items with a photo each."""
    prompt = [{"role": "user", "content": SHOWN}]
    made = write_evalset(tmp_path / "e", 2, prompt=prompt, graders=[CHECK, JUDGE])
    for split, count in (("train", 12), ("dev", 2), ("test", 2)):
        rows = [
            {"id": f"i{n}", "gold": str(n), "photo": f"photos/{n % 2}.png"} for n in range(count)
        ]
        (made / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (made / "photos").mkdir()
    for n in range(2):
        (made / f"photos/{n}.png").write_bytes(PNG)
    return made


def test_the_model_and_the_judge_see_the_image_of_the_item(folder: Path, tmp_path: Path) -> None:
    model, judge = Looking("0"), Looking('{"steps": [], "result": 1}')
    of = plan(folder)
    with open_store(tmp_path / "s.duckdb") as store:
        result = go_on(of, begin(of, store), bench(store, of, model, judge))
        assert result.is_complete
        (text,) = {row["item"] for row in store.query('SELECT "item" FROM "items" LIMIT 1')}
    assert model.images() == [{"url": URL, "detail": "low"}] * 2
    assert judge.images() == [{"url": URL}] * 2
    assert "base64" not in text, "the store keeps the line, not the image"


def test_another_image_is_another_item(folder: Path, tmp_path: Path) -> None:
    model, judge = Looking("0"), Looking('{"steps": [], "result": 1}')
    before = plan(folder)
    with open_store(tmp_path / "s.duckdb") as store:
        row = begin(before, store)
        go_on(before, row, bench(store, before, model, judge))
        (folder / "photos/1.png").write_bytes(PNG + b"more")
        after = plan(folder)
        assert after.identity["split"] != before.identity["split"]
        with pytest.raises(ChangedPlan, match="split changed"):
            go_on(after, row, bench(store, after, model, judge))
        again = Looking("0")
        go_on(after, begin(after, store), bench(store, after, again, judge))
        assert len(again.asked) == 1, "the other answer is cached"


@pytest.mark.parametrize(
    ("address", "story"),
    [
        ("https://example.org/a.png", "images are not fetched"),
        ("file:///etc/passwd", "images are not fetched"),
        ("/etc/passwd", "is not in the evalset's folder"),
        ("../outside.png", "is not in the evalset's folder"),
        ("link.png", "is not in the evalset's folder"),
        ("", "is not in the evalset's folder"),
        ("a\0b", "is not in the evalset's folder"),
        ("\ud800.png", "is not in the evalset's folder"),
        ("loop.png", "cannot be read: "),
        ("none.png", "cannot be read: No such file"),
        ("pipe.png", "cannot be read"),
        ("text.png", "is no PNG, JPEG, GIF or WebP image"),
        ("large.png", "has more than 10,000,000 bytes"),
        ("data:image/png;base64,!!", "is not base64"),
        ("data:image/png;base64,QUJD", "is no PNG, JPEG, GIF or WebP image"),
        ("data:text/html;base64,QUJD", "an image's data URL is data:image"),
    ],
)
def test_what_is_no_image_of_the_evalset_is_refused(
    address: str, story: str, tmp_path: Path
) -> None:
    folder = tmp_path / "e"
    folder.mkdir()
    (tmp_path / "outside.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "text.png").write_text("hello")
    (folder / "large.png").write_bytes(PNG + bytes(10_000_000))
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(BadItem, match=story):
        inlined(address, folder)


def test_a_data_url_is_sent_as_what_its_bytes_are(tmp_path: Path) -> None:
    assert inlined(URL.replace("png", "svg+xml", 1), tmp_path) == (URL, None)


def test_a_missing_image_is_said_before_anything_is_asked(folder: Path, tmp_path: Path) -> None:
    (folder / "photos/1.png").unlink()
    with (
        open_store(tmp_path / "s.duckdb") as store,
        pytest.raises((BadFile, BadItem), match=r"photos/1\.png"),
    ):
        begin(plan(folder), store)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_message_of_the_item_may_hold_images(folder: Path, as_text: bool) -> None:
    write_evalset(folder, 0, prompt="{{ item.messages }}")
    part = {"type": "input_image", "image_url": "photos/0.png"}
    messages: Any = [{"role": "user", "content": [part]}]
    row = {"gold": "x", "messages": json.dumps(messages) if as_text else messages}
    (folder / "dev.jsonl").write_text(json.dumps(row) + "\n")
    (message,) = plan(folder).ask(row)
    assert message["content"] == [{"type": "image_url", "image_url": {"url": URL}}]


def test_training_rows_keep_the_images_of_the_prompt(folder: Path) -> None:
    rows = training_rows(SFT(evalset=str(folder)), load_evalset(str(folder)))
    assert [row.messages[0].images for row in rows] == [1] * 12

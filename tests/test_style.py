"""How the code reads: ruff, its formatter, strict types, docstrings, short files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("graders", "flywheel", "tests", "benchmarks", "evalsets")
MOST_LINES = 400
MOST_FILES = 12
MOST_FUNCTION_LINES = 60


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    run("ruff", "check", "app.py", *FOLDERS)


def test_ruff_would_format_nothing() -> None:
    run("ruff", "format", "--check", "app.py", *FOLDERS)


def test_types_are_strict() -> None:
    run("basedpyright", "--level", "error")


def test_a_module_says_what_it_is_and_is_short() -> None:
    for path in files(*FOLDERS):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        assert ast.get_docstring(tree), f"{path} opens with no docstring"
        assert text.count("\n") <= MOST_LINES, f"{path} has more than {MOST_LINES} lines"


def test_a_folder_holds_a_dozen_files_at_most() -> None:
    counts = Counter(path.parent for path in files("graders", "flywheel"))
    # An __init__.py holds no more than a docstring.
    assert not {str(folder) for folder, count in counts.items() if count > MOST_FILES + 1}


def test_a_public_function_has_a_contract_and_fits_a_screen() -> None:
    for path in files("graders", "flywheel", "evalsets"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = nested(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            where = f"{path}:{node.lineno} {node.name}"
            if not node.name.startswith("_") and node.lineno not in inside:
                assert ast.get_docstring(node), f"{where} has no docstring"
            if not isinstance(node, ast.ClassDef):
                length = (node.end_lineno or 0) - node.lineno
                assert length <= MOST_FUNCTION_LINES, f"{where} has {length} lines"


def nested(tree: ast.AST) -> set[int]:
    """The lines of definitions inside functions, where a name is no promise to anyone."""
    return {
        getattr(inner, "lineno", 0)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if inner is not outer
    }


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX", "monkeypatch.setattr", "Mock("])
def test_nothing_is_left_for_later_or_mocked(word: str) -> None:
    found = [
        str(path) for path in files(*FOLDERS) if path != Path(__file__) and word in path.read_text()
    ]
    assert not found

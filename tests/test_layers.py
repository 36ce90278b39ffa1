"""The architecture as a table: who may import whom, and what may be heavy where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOW = {
    "graders",
    "flywheel.errors",
    "flywheel.places",
    "flywheel.files",
    "flywheel.document",
    "flywheel.visible",
    "flywheel.extras",
    "flywheel.yaml_text",
    "flywheel.known_fields",
    "flywheel.config",
    "flywheel.synchronous",
    "flywheel.states",
    "flywheel.outputs",
    "flywheel.deprecated",
}
SOURCES = LOW | {"flywheel.stats", "flywheel.models"}
ENGINE_ROOM = SOURCES | {"flywheel.samplers", "flywheel.store"}
LEVERS_MAY = ENGINE_ROOM | {
    "flywheel.engines",
    "flywheel.data",
    "flywheel.evals",
    "flywheel.tiny",
}
MAY_IMPORT: dict[str, set[str]] = {
    "graders": set(),
    "flywheel.errors": set(),
    "flywheel.places": set(),
    "flywheel.files": set(),
    "flywheel.visible": set(),
    "flywheel.extras": {"flywheel.errors"},
    "flywheel.yaml_text": {"flywheel.places"},
    "flywheel.known_fields": set(),
    "flywheel.synchronous": set(),
    "flywheel.states": set(),
    "flywheel.outputs": set(),
    "flywheel.deprecated": set(),
    "flywheel.document": {"flywheel.errors", "flywheel.places", "flywheel.visible"}
    | {"flywheel.yaml_text", "flywheel.known_fields", "flywheel.files"},
    "flywheel.config": {"flywheel.errors"},
    "flywheel.stats": LOW,
    "flywheel.models": LOW,
    "flywheel.store": SOURCES,
    "flywheel.samplers": SOURCES,
    "flywheel.tiny": SOURCES,
    "flywheel.engines": ENGINE_ROOM | {"flywheel.tiny"},
    "flywheel.data": ENGINE_ROOM | {"flywheel.engines"},
    "flywheel.evals": ENGINE_ROOM | {"flywheel.engines", "flywheel.data"},
    "flywheel.reports": SOURCES | {"flywheel.store", "flywheel.evals"},
    "flywheel.importers": SOURCES | {"flywheel.store", "flywheel.data", "flywheel.evals"},
    "flywheel.levers": LEVERS_MAY | {"flywheel.jobs"},
    "flywheel.jobs": SOURCES | {"flywheel.store"},
    "flywheel.advice": LEVERS_MAY | {"flywheel.levers"},
    "flywheel.doctor": LEVERS_MAY | {"flywheel"},
    "flywheel.workspace": LEVERS_MAY
    | {"flywheel.levers", "flywheel.jobs", "flywheel.reports", "flywheel.importers"},
    "flywheel.recipes": LEVERS_MAY | {"flywheel.levers", "flywheel.jobs", "flywheel.workspace"},
    "flywheel.review": {"flywheel.errors", "flywheel.stats", "flywheel.store", "flywheel.evals"}
    | {"flywheel.levers", "flywheel.jobs", "flywheel.visible", "flywheel.workspace"},
    "flywheel.cli": LEVERS_MAY
    | {
        "flywheel.levers",
        "flywheel.importers",
        "flywheel.jobs",
        "flywheel.advice",
        "flywheel.recipes",
        "flywheel.workspace",
        "flywheel.doctor",
        "flywheel.reports",
        "flywheel.review",
    },
}
# torch is 1 GB and two seconds: only where models are run or trained.
MAY_TORCH = (
    "flywheel/levers/",
    "flywheel/tiny/",
    "flywheel/samplers/local",
    "flywheel/doctor.py",
)
HEAVY = {"torch", "transformers", "trl", "peft", "bitsandbytes"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "graders" else ".".join(parts[:2])


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def ours(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] == "graders":
        return "graders"
    # The package itself holds its version and nothing else.
    return ".".join(parts[:2]) if parts[0] == "flywheel" and len(parts) > 1 else None


def test_imports_point_down() -> None:
    for path in sources("graders", "flywheel"):
        me = name_of(path)
        if me == "flywheel.__init__":
            continue
        assert me in MAY_IMPORT, f"add {me} to MAY_IMPORT and to the diagram in the README"
        for module in imports(path):
            layer = ours(module)
            assert layer is None or layer == me or layer in MAY_IMPORT[me], (
                f"{path} imports {module}"
            )


def test_graders_import_only_pydantic_at_module_level() -> None:
    for path in sources("graders"):
        allowed = {*sys.stdlib_module_names, "pydantic", "graders"}
        # The fork server runs its own folder's files as a script, by their bare names.
        if "sandbox" in path.parts:
            allowed |= {sibling.stem for sibling in path.parent.glob("*.py")}
        found = {module.split(".")[0] for module in imports(path, top_level=True)}
        assert found <= allowed, f"{path} imports {found - allowed}"


def test_torch_stays_where_models_are() -> None:
    for path in sources("graders", "flywheel"):
        if str(path.relative_to(ROOT)).startswith(MAY_TORCH):
            continue
        found = {module.split(".")[0] for module in imports(path)} & HEAVY
        assert not found, f"{path} imports {found}"


def test_only_engines_open_samplers() -> None:
    for path in sources("flywheel"):
        if path.relative_to(ROOT).parts[1] not in ("engines", "samplers"):
            opened = re.search(r"\b\w*[Ss]ampler\(", path.read_text(encoding="utf-8"))
            assert not opened, f"{path} opens a sampler: {opened}"


def test_streamlit_stays_in_the_pages() -> None:
    for path in sources("graders", "flywheel"):
        if path.parent != ROOT / "flywheel/review/pages":
            # pandas may be imported inside a function, as by to_pandas().
            found = {module.split(".")[0] for module in imports(path, top_level=True)}
            found |= {module.split(".")[0] for module in imports(path)} - {"pandas"}
            assert not found & {"streamlit", "altair", "pandas"}, f"{path} imports {found}"


def modules() -> dict[str, Path]:
    """Every module of ours by its name."""
    named: dict[str, Path] = {}
    for path in sources("graders", "flywheel"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs when a module is imported, and what is under TYPE_CHECKING. No function bodies."""
    for node in body:
        yield node
        for inner in ("body", "orelse", "handlers", "finalbody"):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from statements(getattr(node, inner, ()))


def imported(path: Path, known: Collection[str]) -> Iterator[str]:
    """The modules of ours that a module imports at its top; `from a import b` may mean a.b."""
    for node in statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found = inner if inner in known else node.module or ""
                if found in known:
                    yield found


def test_no_module_imports_itself_through_others() -> None:
    """Inside a package too, and for types alone. A function may import what imports its module
    where the runtime needs it: a heavy library, or a file that loads one.
    """
    known = modules()
    graph = {name: set(imported(path, known)) for name, path in known.items()}
    # The Python API: its names are loaded when they are used, and imported for type checkers alone.
    del graph["flywheel"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"a cycle of imports: {' -> '.join(error.args[1])}") from None


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_help_loads_nothing_heavy() -> None:
    code = """
import sys
from flywheel.cli.app import app
try:
    app(["--help"])
except SystemExit:
    pass
heavy = {"torch", "pandas", "streamlit", "openai", "numpy", "pydantic", "duckdb"}
sys.stderr.write(",".join(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert done.stderr == ""


def test_the_core_loads_nothing_but_pydantic() -> None:
    code = (
        "import sys, flywheel, graders.definition; print(*{m.split('.')[0] for m in sys.modules})"
    )
    loaded = set(python(code).split()) - set(python("import sys; print(*sys.modules)").split())
    wanted = {"flywheel", "graders", "pydantic", "pydantic_core", "annotated_types"}
    others = {"typing_extensions", "typing_inspection"} | set(sys.stdlib_module_names)
    assert {name for name in loaded if not name.startswith("_")} <= wanted | others


# What a statement of SQL begins with, as this code writes it: in capitals, with a name behind it.
SQL = re.compile(
    r"\s*(SELECT|WITH|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|FROM|DESCRIBE|PRAGMA|ATTACH)"
    r"\s+[\"(\w*]"
)
# A training's completions are Parquet files of their own, which no store holds.
MAY_SQL = ("flywheel/store/", "flywheel/levers/training/rewards/completions.py")


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Every text in the code, docstrings left out; of an f-string its beginning."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            body[0].value = ast.Constant(None)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_sql_stays_in_the_store() -> None:
    for path in sources("graders", "flywheel"):
        if str(path.relative_to(ROOT)).startswith(MAY_SQL):
            continue
        found = [text for text in texts_of(ast.parse(path.read_text())) if SQL.match(text)]
        assert not found, f"{path} holds SQL: {found}; make it a function of flywheel/store/tables"


def test_sql_is_known_where_it_stands() -> None:
    for name in ("decisions", "definitions", "jobs", "reads", "runs", "samples", "scores"):
        path = ROOT / f"flywheel/store/tables/{name}.py"
        assert any(SQL.match(text) for text in texts_of(ast.parse(path.read_text()))), path


# What a door may not do by itself: the workspace does it.
_OPENERS = {"open_store", "Store", "open_engine", "Here", "open_sampler", "open_reward_model"}


def test_no_door_opens_a_store_an_engine_or_a_sampler() -> None:
    for path in sources("flywheel/cli", "flywheel/recipes", "flywheel/review"):
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        names = {getattr(call.func, "id", getattr(call.func, "attr", "")) for call in calls}
        assert not names & _OPENERS

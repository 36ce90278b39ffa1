"""What graders may import: the standard library and the documented packages, as far as installed.

A fork server imports the standard modules of `STANDARD` and, of `MODULES`, those of the packages
that the source imports. In a tier with Landlock the rest can be imported from disk: `grants`
lists what may be read. Inside site-packages that is the documented distributions and what they
require, by their own records, and never `flywheel`, `graders` or `evalsets`: evalsets hold the
answers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import metadata
from pathlib import Path

_STANDARD = """
    array ast base64 binascii bisect calendar cmath collections.abc contextlib copy csv dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq hmac html html.parser io
    itertools json math numbers operator pprint queue random re reprlib secrets statistics string
    struct textwrap threading time timeit traceback types typing unicodedata urllib.parse uuid
    xml.etree.ElementTree zlib zoneinfo
    encodings.ascii encodings.idna encodings.latin_1 encodings.raw_unicode_escape
    encodings.unicode_escape encodings.utf_8_sig encodings.utf_16 encodings.utf_16_le
    encodings.utf_32
"""
STANDARD = tuple(_STANDARD.split())

# Distribution -> the modules that its name on an import line brings, and all that "compute" has.
MODULES = {
    "ast-grep-py": ("ast_grep_py",),
    "deepdiff": ("deepdiff",),
    "jsonschema": ("jsonschema",),
    "math-verify": (
        "math_verify",
        "antlr4.LL1Analyzer",
        "sympy.assumptions.wrapper",
        "sympy.combinatorics",
        "sympy.physics.units",
        "sympy.sets.handlers.functions",
        "sympy.sets.handlers.issubset",
        "sympy.sets.setexpr",
        "sympy.tensor.tensor",
    ),
    "nltk": ("nltk", "nltk.translate.bleu_score", "nltk.translate.meteor_score"),
    "numpy": ("numpy", "numpy.linalg", "numpy.random"),
    "pandas": ("pandas",),
    "pydantic": (
        "pydantic",
        "pydantic.dataclasses",
        "pydantic.root_model",
        "pydantic.type_adapter",
    ),
    "pyyaml": ("yaml",),
    "rapidfuzz": ("rapidfuzz", "rapidfuzz.distance", "rapidfuzz.fuzz", "rapidfuzz.process"),
    "rdkit": ("rdkit", "rdkit.Chem", "rdkit.Chem.AllChem", "rdkit.DataStructs"),
    "rouge-score": ("rouge_score", "rouge_score.rouge_scorer"),
    "scikit-bio": ("skbio",),
    "scikit-learn": ("sklearn", "sklearn.metrics"),
    "scipy": ("scipy", "scipy.optimize", "scipy.spatial", "scipy.special", "scipy.stats"),
    "sqlparse": ("sqlparse",),
    "sympy": ("sympy",),
}

# What a fork server calls, and with what, when its imports are done: building the grammar of
# LaTeX takes longer than comparing, and each child would do it again.
WARM_UP = {
    "math_verify": (
        "parse",
        ["3/4", r"$\frac{1}{2}$", r"$x^2+1.5\times 3\%$", r"$\{3,-2\}$", "$(1,2]$"],
    )
}

NEVER = frozenset({"evalsets", "flywheel", "graders"})

_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([^#\n]+)", re.MULTILINE)
_THREADS = re.compile("thread|concurrent|asyncio|workers|n_jobs|parallel", re.IGNORECASE)
_DOTTED = re.compile(r"[\w.]+")
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9._-]+)")


def mentioned(source: str) -> tuple[str, ...]:
    """What to import for this source: the modules of each package that an import line names."""
    lines = " ".join(_IMPORT.findall(source))
    words = {word.split(".")[0] for word in _DOTTED.findall(lines)}
    named = (names for names in MODULES.values() if names[0] in words)
    return tuple(sorted(name for names in named for name in names))


def mentions_threads(source: str) -> bool:
    """Whether the source has a word for threads. Without one it gets none: counting costs time."""
    return _THREADS.search(source) is not None


@lru_cache(maxsize=1)
def package_paths() -> dict[Path, frozenset[str]]:
    """The documented distributions' files: folder of packages -> names in it that may be read."""
    found: dict[Path, set[str]] = {}
    for distribution in _closure().values():
        folder = Path(str(distribution.locate_file(""))).resolve()
        found.setdefault(folder, set()).update(_names_of(distribution))
    return {folder: frozenset(names) for folder, names in found.items()}


def package_modules() -> set[str]:
    """The top-level modules among `package_paths`."""
    return {name.split(".")[0] for names in package_paths().values() for name in names}


def _closure() -> dict[str, metadata.Distribution]:
    """The installed documented distributions and, transitively, what they require."""
    found: dict[str, metadata.Distribution] = {}
    todo = list(MODULES)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for requirement in found[name].requires or ():
            match = _REQUIREMENT.match(requirement)
            # An extra is not what makes the package importable.
            if match and "extra ==" not in requirement:
                todo.append(re.sub(r"[-_.]+", "-", match.group(1)).lower())
    return found


def _names_of(distribution: metadata.Distribution) -> set[str]:
    """The first path component of each file that the distribution installed."""
    record = distribution.read_text("RECORD") or distribution.read_text("installed-files.txt") or ""
    names = {line.split(",")[0].split("/")[0] for line in record.splitlines()}
    return {name for name in names if name and not name.startswith("..")} - NEVER

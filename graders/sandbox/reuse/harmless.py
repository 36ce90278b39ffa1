"""Tables for `carryover.py`: what a grader may use and still leave nothing behind for the next run.

A module is here for one reason: none of the listed names runs text, changes a module, a class or a
registry, or keeps a value that a later call reads. So `random` is not here (its generator has a
state), nor anything that evaluates (`sympy`, `timeit`, `pickle`, `string.Formatter`), nor
`functools.wraps` and `total_ordering`, which set attributes on what they are given. Whatever is
missing costs a fork per sample and nothing else.
"""

from __future__ import annotations

import builtins
import importlib
import re
import types
from abc import ABCMeta
from datetime import timedelta
from decimal import Decimal
from difflib import SequenceMatcher
from enum import EnumMeta
from fractions import Fraction
from functools import cache, lru_cache

MODULES = {
    name: frozenset(names.split())
    for name, names in {
        "__future__": "annotations",
        "base64": "b64decode b64encode",
        "bisect": "bisect bisect_left bisect_right",
        "collections": "Counter OrderedDict defaultdict deque namedtuple",
        "collections.abc": "Callable Iterable Iterator Mapping Sequence",
        "copy": "copy deepcopy",
        "csv": "reader",
        "dataclasses": "asdict astuple dataclass field",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal InvalidOperation",
        "difflib": "SequenceMatcher get_close_matches ndiff unified_diff",
        "fractions": "Fraction",
        "functools": "cache cmp_to_key lru_cache partial reduce",
        "hashlib": "md5 sha1 sha256 sha512",
        "heapq": "heapify heappop heappush nlargest nsmallest",
        "html": "escape unescape",
        "itertools": "accumulate chain combinations count cycle dropwhile filterfalse groupby"
        " islice pairwise permutations product repeat starmap takewhile zip_longest",
        "json": "JSONDecodeError dumps loads",
        "math": "acos asin atan atan2 ceil comb copysign cos degrees dist e exp fabs factorial"
        " floor fmod fsum gcd hypot inf isclose isfinite isinf isnan isqrt lcm log log10 log1p log2"
        " nan perm pi pow prod radians sin sqrt tan tanh trunc",
        "operator": "add eq ge gt itemgetter le lt mul ne neg sub truediv",
        "re": "A ASCII DOTALL I IGNORECASE M MULTILINE Match Pattern S U UNICODE VERBOSE X compile"
        " error escape findall finditer fullmatch match search split sub subn",
        "statistics": "fmean mean median mode pstdev pvariance stdev variance",
        "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits printable"
        " punctuation whitespace",
        "textwrap": "dedent fill indent shorten wrap",
        "time": "monotonic perf_counter sleep time",
        "typing": "Any Callable Dict Iterable Iterator List Literal Mapping Optional"
        " Sequence Set Tuple Union cast",
        "unicodedata": "category combining name normalize numeric",
        "urllib": "",
        "urllib.parse": "parse_qs parse_qsl quote quote_plus unquote unquote_plus urlencode"
        " urlparse urlsplit",
    }.items()
}

# Functions of `re` remember patterns by (text, flags), and 2.0 finds what 2 left behind. The
# position of their flags, so that flags other than `re.NAME` can be refused.
FLAGS_AT = {
    "compile": 1,
    "findall": 2,
    "finditer": 2,
    "fullmatch": 2,
    "match": 2,
    "search": 2,
    "split": 3,
    "sub": 4,
    "subn": 4,
}

# Only as the decorator of a class of the source: called on another class it would rewrite that one.
DATACLASS = ("dataclasses", "dataclass")
# With one argument: a memo of one's own could put anything into the place of a method's instance.
DEEPCOPY = ("copy", "deepcopy")
# Only called: `SequenceMatcher.set_seq1(X, ...)` would set attributes of X, and `Counter.copy(X)`
# returns the type of X when X is a class.
CALLED_ONLY = frozenset({("difflib", "SequenceMatcher"), ("collections", "Counter"), DEEPCOPY})

# Only in annotations and as the type of `cast`: `typing` remembers `List[2]` and gives it for
# `List[2.0]`, as for every key that equals one of before.
TYPES_ONLY = frozenset(
    ("typing", name) for name in MODULES["typing"] if name not in ("Any", "cast")
)
CAST = ("typing", "cast")

_EXCEPTIONS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
_BUILTINS = """
    Ellipsis False None NotImplemented True abs all any ascii bin bool bytearray bytes callable chr
    classmethod complex dict divmod enumerate filter float format frozenset int isinstance
    issubclass iter len list map max min next object oct ord pow print property range repr reversed
    round set slice sorted staticmethod str sum tuple zip hex
"""
BUILTINS = frozenset(_BUILTINS.split()) | _EXCEPTIONS
ALL_BUILTINS = frozenset(vars(builtins))

# What a class of the source may inherit. A subclass of an abstract class would change what
# `isinstance` says to others, and a subclass of `int` or `str` could pose as a key of their caches.
BASES = _EXCEPTIONS | {"object"}

# Not `__eq__` and `__hash__` (a key that equals any other), not `__lt__` (a comparison with a
# read-only view of a shared dict hands it that dict), and not `__del__` (runs later).
_METHODS = """
    __init__ __post_init__ __repr__ __str__ __len__ __iter__ __next__ __contains__ __getitem__
    __call__ __enter__ __exit__ __bool__
"""
METHODS = frozenset(_METHODS.split())

_VALUES: tuple[type, ...] = (
    str, bytes, bytearray, list, dict, set, frozenset, tuple, int, float, complex,
    re.Match, re.Pattern, Decimal, Fraction, SequenceMatcher, timedelta,
)  # fmt: skip
_OF_OTHERS = """
    args setter getter deleter move_to_end most_common elements subtract total appendleft popleft
    extendleft rotate maxlen default_factory msg pos lineno colno year month day hour minute second
    microsecond weekday isoweekday isoformat strftime strptime fromisoformat fromtimestamp timestamp
    date time today now utcnow combine replace scheme netloc path query fragment hostname port
    hexdigest digest func keywords value name start stop step send close throw
"""
# `format` follows attributes that the text names.
ATTRIBUTES = frozenset(
    name for kind in _VALUES for name in dir(kind) if not name.startswith("_")
) - {"format", "format_map"} | frozenset(_OF_OTHERS.split())


@cache
def attributes_of_others() -> frozenset[str]:
    """The attributes of everything that samples share, which a source cannot claim for its own."""
    shared: list[object] = [getattr(builtins, name) for name in BUILTINS]
    for module, names in MODULES.items():
        shared += (getattr(importlib.import_module(module), name) for name in names)
    shared += [type, ABCMeta, EnumMeta, object, property, lru_cache(len), *_VALUES]
    shared += [getattr(types, name) for name in dir(types) if name.endswith("Type")]
    return frozenset(name for thing in shared for name in (*dir(thing), *dir(type(thing))))

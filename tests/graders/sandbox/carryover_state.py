"""More attacks on the next sample: through registries, caches and the state of modules."""

from __future__ import annotations

from tests.graders.sandbox.carryover_attacks import METHODS, PATCHING, RUNNING, CarryOver

REGISTERING = [
    CarryOver(
        "an abstract class's register",
        "from collections.abc import Sequence",
        "Sequence.register(dict)",
        "isinstance({}, Sequence)",
    ),
    CarryOver(
        "register under a name of one's own",
        "from collections.abc import Sequence\nclass A:\n    def register(self): pass",
        "Sequence.register(dict)",
        "isinstance({}, Sequence)",
    ),
    CarryOver(
        "a subclass hook",
        "from collections.abc import Sequence",
        "class Evil(Sequence):\n"
        "    __getitem__ = __len__ = None\n"
        "    @classmethod\n"
        "    def __subclasshook__(cls, other):\n"
        "        return True",
        "isinstance(0, Sequence)",
    ),
    CarryOver(
        "a subclass by type",
        "from collections.abc import Sequence",
        "type(Sequence)('E', (Sequence,), {'__subclasshook__': classmethod(lambda c, o: True)})",
        "isinstance(0, Sequence)",
    ),
    CarryOver(
        "functools.update_wrapper",
        "import functools, json",
        "def f(): pass\nf.seven = 7\nfunctools.update_wrapper(json.loads, f)",
        "hasattr(json.loads, 'seven')",
    ),
    CarryOver(
        "functools.wraps",
        "import functools, json",
        "def f(): pass\nf.seven = 7\nfunctools.wraps(f)(json.loads)",
        "hasattr(json.loads, 'seven')",
    ),
    CarryOver(
        "dataclass on another class",
        "from dataclasses import dataclass\nfrom difflib import SequenceMatcher",
        "dataclass(repr=True)(SequenceMatcher)",
        "'()' in repr(SequenceMatcher())",
    ),
    CarryOver(
        "copyreg",
        "import copy, copyreg\nfrom fractions import Fraction",
        "copyreg.pickle(complex, lambda x: (int, (7,)))\ncopy._deepcopy_dispatch.pop(complex)",
        "copy.deepcopy(1j) == 7",
    ),
    CarryOver(
        "a codec's error handler",
        "import codecs\n"
        "def known(name):\n"
        "    try: return bool(codecs.lookup_error(name))\n"
        "    except LookupError: return False",
        "codecs.register_error('seven', lambda e: ('7', e.end))",
        "known('seven')",
    ),
    CarryOver(
        "a dialect of csv",
        "import csv",
        "csv.register_dialect('excel', delimiter='7')",
        "next(csv.reader(['a7b'], 'excel')) == ['a', 'b']",
    ),
    CarryOver(
        "csv's field limit",
        "import csv",
        "csv.field_size_limit(7)",
        "csv.field_size_limit() == 7",
    ),
    CarryOver(
        "an enumeration's members",
        "import re",
        "re.RegexFlag._member_map_['SEVEN'] = 7",
        "'SEVEN' in re.RegexFlag.__members__",
    ),
    CarryOver(
        "html's entities",
        "import html.entities",
        "html.entities.html5['amp;'] = '7'",
        "html.unescape('&amp;') == '7'",
    ),
    CarryOver(
        "a template's delimiter",
        "import string",
        "string.Template.idpattern = '7'",
        "string.Template.idpattern == '7'",
    ),
    CarryOver(
        "the cache of typing",
        "import typing",
        "class E:\n"
        "    def __eq__(self, other): return True\n"
        "    def __hash__(self): return hash(int)\n"
        "    def __call__(self): pass\n"
        "typing.List[E()]",
        "typing.get_args(typing.List[int])[0] is not int",
    ),
    CarryOver(
        "a number in the cache of typing",
        "from typing import List",
        "List[7]",
        "repr(List[7.0]) == 'typing.List[7]'",
    ),
    CarryOver(
        "a union in the cache of typing",
        "import typing as t\nmany = t.List",
        "many[t.Union[int, bytes]]",
        "repr(many[t.Union[bytes, int]]).endswith('bytes]]')",
    ),
    CarryOver(
        "an annotation that keeps a type",
        "from typing import Optional",
        "def f(x: (kept := Optional[8])): pass",
        "repr([a for a in (Optional[8.0],)]) == '[typing.Optional[8]]'",
    ),
]

STATE = [
    CarryOver(
        "random's seed", "import random", "random.seed(7)", "random.random() == 0.32383276483316237"
    ),
    CarryOver(
        "random's use",
        "import random\nrandom.Random",
        "random.random()",
        "random.getstate()[1][-1] not in (0, 624) or random.getstate()[1][-1] == 2",
    ),
    CarryOver(
        "numpy's seed",
        "import numpy",
        "numpy.random.seed(7)",
        "numpy.random.rand() == 0.07630828937395717",
        "numpy",
    ),
    CarryOver(
        "numpy's errors",
        "import numpy",
        "numpy.seterr(all='raise')",
        "numpy.geterr()['divide'] == 'raise'",
        "numpy",
    ),
    CarryOver(
        "numpy's printing",
        "import numpy",
        "numpy.set_printoptions(precision=1)",
        "numpy.get_printoptions()['precision'] == 1",
        "numpy",
    ),
    CarryOver(
        "pandas' options",
        "import pandas",
        "pandas.options.display.precision = 1",
        "pandas.options.display.precision == 1",
        "pandas",
    ),
    CarryOver(
        "mpmath's precision", "import mpmath", "mpmath.mp.dps = 3", "mpmath.mp.dps == 3", "mpmath"
    ),
    CarryOver(
        "the decimal context",
        "import decimal",
        "decimal.getcontext().prec = 1",
        "decimal.Decimal(1) / 3 == decimal.Decimal('0.3')",
    ),
    CarryOver(
        "the recursion limit",
        "import sys",
        "sys.setrecursionlimit(777)",
        "sys.getrecursionlimit() == 777",
    ),
    CarryOver(
        "the digits of integers",
        "import sys",
        "sys.set_int_max_str_digits(777)",
        "sys.get_int_max_str_digits() == 777",
    ),
    CarryOver(
        "the locale",
        "import locale",
        "locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')",
        "locale.setlocale(locale.LC_NUMERIC) == 'C.UTF-8'",
    ),
    CarryOver(
        "a signal handler",
        "import signal",
        "signal.signal(signal.SIGUSR1, lambda *x: None)",
        "signal.getsignal(signal.SIGUSR1) not in (signal.SIG_DFL, signal.SIG_IGN)",
    ),
    CarryOver(
        "warning filters",
        "import warnings",
        "warnings.simplefilter('error')",
        "warnings.filters[0][0] == 'error'",
    ),
    CarryOver(
        "a context variable",
        "import contextvars, re",
        "re.v = contextvars.ContextVar('v')\nre.v.set(7)",
        "hasattr(re, 'v')",
    ),
    CarryOver(
        "the working environment", "import os", "os.environ['SEVEN'] = '7'", "'SEVEN' in os.environ"
    ),
    CarryOver(
        "a first day of the week",
        "import calendar",
        "calendar.setfirstweekday(3)",
        "calendar.firstweekday() == 3",
    ),
    CarryOver(
        "an exit function", "import atexit", "atexit.register(print)", "atexit._ncallbacks() > 0"
    ),
    CarryOver(
        "a profiler",
        "import sys",
        "sys.setprofile(lambda *x: None)",
        "sys.getprofile() is not None",
    ),
    CarryOver(
        "a thread",
        "import threading, time",
        "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        "threading.active_count() > 1",
    ),
    CarryOver(
        "standard output",
        "import contextlib, io, sys",
        "contextlib.redirect_stdout(io.StringIO()).__enter__()",
        "type(sys.stdout) is io.StringIO",
    ),
    CarryOver(
        "a pattern under false flags",
        "import re\n"
        "class F(int):\n"
        "    def __eq__(self, other): return True\n"
        "    def __hash__(self): return hash(0)",
        "re.compile('carry', F(2))",
        "bool(re.search('carry', 'CARRY'))",
    ),
    CarryOver(
        "a pattern under a float",
        "import re",
        "re.compile('carry', 2)",
        "matched('carry')",
    )._replace(
        before="import re\ndef matched(p):\n"
        "    try: return bool(re.compile(p, 2.0))\n"
        "    except TypeError: return False"
    ),
    CarryOver(
        "the groups of a pattern",
        "import re\n"
        "PATTERN = re.compile('(?P<a>carry)(over)')\n"
        "class View:\n    def __lt__(self, groups): groups['b'] = 2",
        "PATTERN.groupindex > View()",
        "'b' in PATTERN.groupindex",
    ),
    CarryOver(
        "the metadata of a field",
        "from dataclasses import field\n"
        "class View:\n    metadata = 0\n    def __lt__(self, data): data['b'] = 2",
        "field().metadata > View()",
        "'b' in field().metadata",
    ),
    CarryOver(
        "what a format string shows of a cache",
        "import re",
        "re.search('carried over', '')",
        "'carried over' in '{0.__globals__[_cache]}'.format(re.escape)",
    ),
    CarryOver(
        "a late finalizer",
        "import builtins\nclass Late:\n    def __del__(self, b=builtins): b.abs = lambda x: 7",
        "late = Late()\nlate.me = late",
        "bool([[] for _ in range(9999)]) and abs(0) == 7",
    ),
]

CARRY_OVERS = [*RUNNING, *PATCHING, *REGISTERING, *STATE, *METHODS]

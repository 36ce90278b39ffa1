"""Attacks on the next sample: what one run of a grader may leave in a process that runs another.

Each is a module with `poison(text)`, which the poisoned sample runs on its answer, and `found()`,
which is true in any later run of the same process. `text` is Python that ends in an effect, so the
attacks of `RUNNING` need nothing but a function that evaluates it.
"""

from __future__ import annotations

from typing import NamedTuple

# An expression that replaces a builtin function, as a model would write it into its answer.
TEXT = """eval("__import__('builtins').__dict__.__setitem__('abs', lambda x: 7)")"""
_SHOWS = "abs(0) == 7"


class CarryOver(NamedTuple):
    """A name, lines before the functions, the body of `poison` and the expression of `found`.

    `package` is what must be installed beside the standard library.
    """

    name: str
    before: str
    poison: str
    found: str = _SHOWS
    package: str | None = None

    def source(self) -> str:
        """The whole grader: 1.0 for a wrong answer only when something was carried over."""
        body = "\n    ".join(self.poison.splitlines())
        return (
            f"{self.before}\n"
            f"def poison(text):\n    {body}\n"
            f"def found():\n    return {self.found}\n"
            "def grade(sample, item):\n"
            "    if item['poisoned']:\n"
            "        try:\n"
            "            poison(sample['output_text'])\n"
            "        except Exception:\n"
            "            pass\n"
            "        return 0.0\n"
            "    return 1.0 if found() else 0.0\n"
        )


def _runs(name: str, call: str, package: str | None = None, before: str = "") -> CarryOver:
    return CarryOver(f"runs text: {name}", before or f"import {name}", call, package=package)


RUNNING = [
    _runs("sympy", "sympy.sympify(text)", "sympy"),
    _runs(
        "sympy.parsing",
        "parse_expr(text)",
        "sympy",
        "from sympy.parsing.sympy_parser import parse_expr",
    ),
    _runs(
        "sympy constructor",
        "Integer(1) + sympy.S(text)",
        "sympy",
        "import sympy\nfrom sympy import *",
    ),
    _runs("timeit", "timeit.timeit(text, number=1)"),
    _runs(
        "yaml.unsafe_load",
        'yaml.unsafe_load(f"!!python/object/apply:eval [{json.dumps(text)}]")',
        "yaml",
        "import json, yaml",
    ),
    _runs(
        "yaml loader",
        'yaml.load(f"!!python/object/apply:eval [{json.dumps(text)}]", Loader=yaml.UnsafeLoader)',
        "yaml",
        "import json, yaml",
    ),
    _runs("pickle", "pickle.loads(b'c__builtin__\\neval\\n(V' + text.encode() + b'\\ntR.')"),
    _runs(
        "numpy.load",
        "text = b'c__builtin__\\neval\\n(V' + text.encode() + b'\\ntR.'\n"
        "numpy.load(io.BytesIO(text), allow_pickle=True)",
        "numpy",
        "import io, numpy",
    ),
    _runs("numpy.testing", "numpy.testing.measure(text)", "numpy"),
    _runs(
        "pandas.read_pickle",
        "text = b'c__builtin__\\neval\\n(V' + text.encode() + b'\\ntR.'\n"
        "pandas.read_pickle(io.BytesIO(text))",
        "pandas",
        "import io, pandas",
    ),
    _runs(
        "pydantic", "pydantic.create_model('M', x=(text, ...))(x=1)", "pydantic", "import pydantic"
    ),
    _runs("doctest", "doctest.run_docstring_examples('>>> ' + text, {})"),
    _runs("code", "code.InteractiveInterpreter().runsource(text)"),
    _runs("cProfile", "cProfile.run(text)"),
    _runs("bdb", "bdb.Bdb().run(text)"),
    _runs("trace", "trace.Trace(trace=0, count=0).run(text)"),
    _runs(
        "typing.get_type_hints",
        "class C:\n    pass\nC.__annotations__ = {'x': text}\ntyping.get_type_hints(C)",
        before="import typing",
    ),
    _runs(
        "a forward reference",
        "def f(): pass\nf.__annotations__ = {'x': text}\ninspect.get_annotations(f, eval_str=True)",
        before="import inspect",
    ),
    _runs("exec", "exec(text)", before="pass"),
    _runs("a fullwidth exec", "\uff45xec(text)", before="pass"),
    _runs("eval by another name", "run = eval\nrun(text)", before="pass"),
    _runs("map of eval", "list(map(eval, [text]))", before="pass"),
    _runs("a default argument", "(lambda f=eval: f(text))()", before="pass"),
    _runs(
        "pkgutil.resolve_name",
        "pkgutil.resolve_name('builtins:exec')(text)",
        before="import pkgutil",
    ),
    _runs(
        "operator.attrgetter",
        "operator.attrgetter('sys.modules')(re)['builtins'].abs = lambda x: 7",
        before="import operator, re, enum\nre.sys = enum.sys",
    ),
]

PATCHING = [
    CarryOver("a module attribute", "import html", "html.escape = 7", "html.escape == 7"),
    CarryOver("a for target", "import html", "for html.escape in [7]: pass", "html.escape == 7"),
    CarryOver(
        "a class attribute by a for target",
        "from collections import Counter",
        "for Counter.total in [7]: pass",
        "Counter.total == 7",
    ),
    CarryOver(
        "a comprehension's target",
        "import html",
        "[0 for html.escape in [7]]",
        "html.escape == 7",
    ),
    CarryOver(
        "a with target",
        "import html\nfrom contextlib import nullcontext",
        "with nullcontext(7) as html.escape: pass",
        "html.escape == 7",
    ),
    CarryOver("an unpacking", "import html", "(html.escape, *_) = 7, 8", "html.escape == 7"),
    CarryOver("a deletion", "import html", "del html.escape", "not 'escape' in dir(html)"),
    CarryOver("an annotated target", "import html", "html.escape: int = 7", "html.escape == 7"),
    CarryOver(
        "an augmented assignment",
        "import string",
        "string.digits += 'x'",
        "'x' in string.digits",
    ),
    CarryOver(
        "a parameter called self",
        "from collections import Counter",
        "def f(self):\n    self.total = 7\nf(Counter)",
        "Counter.total == 7",
    ),
    CarryOver(
        "a method called on a class",
        "from collections import Counter\nclass A:\n    def f(self):\n        self.total = 7",
        "A.f(Counter)",
        "Counter.total == 7",
    ),
    CarryOver(
        "a method called through a value",
        "from collections import Counter\nclass A:\n    def f(self):\n        self.total = 7",
        "[a.f(Counter) for a in [A]]",
        "Counter.total == 7",
    ),
    CarryOver(
        "a constructor called by hand",
        "from collections import Counter\n"
        "class A:\n    def __init__(self):\n        self.total = 7",
        "A.__init__(Counter)",
        "Counter.total == 7",
    ),
    CarryOver(
        "a method called in its class",
        "from collections import Counter\n"
        "class A:\n    def f(self):\n        self.total = 7\n    if []: f(Counter)",
        "class A:\n    def f(self):\n        self.total = 7\n    f(Counter)",
        "Counter.total == 7",
    ),
    CarryOver(
        "a rebound self",
        "from collections import Counter\n"
        "class A:\n    def __init__(self):\n        self = Counter\n        self.total = 7",
        "A()",
        "Counter.total == 7",
    ),
    CarryOver(
        "a decorated method",
        "from collections import Counter\n"
        "def on_counter(f):\n    return lambda self: f(Counter)\n"
        "class A:\n    @on_counter\n    def f(self):\n        self.total = 7",
        "A().f()",
        "Counter.total == 7",
    ),
    CarryOver(
        "a class found by type",
        "from collections import Counter\nclass A:\n    def f(self):\n        self.total = 7",
        "type(A()).f(Counter)",
        "Counter.total == 7",
    ),
    CarryOver("setattr", "import html", "setattr(html, 'escape', 7)", "html.escape == 7"),
    CarryOver(
        "object.__setattr__",
        "from collections import Counter",
        "type.__setattr__(Counter, 'total', 7)",
        "Counter.total == 7",
    ),
    CarryOver("vars", "import html", "vars(html)['escape'] = 7", "html.escape == 7"),
    CarryOver("__dict__", "import html", "html.__dict__['escape'] = 7", "html.escape == 7"),
    CarryOver("__builtins__", "", "__builtins__['abs'] = lambda x: 7"),
    CarryOver(
        "sys.modules",
        "import sys",
        "sys.modules['html'] = 7",
        "'html' in sys.modules and sys.modules['html'] == 7",
    ),
    CarryOver(
        "a function's code",
        "import statistics",
        "statistics.mean.__code__ = (lambda data: 7).__code__",
        "statistics.mean([0]) == 7",
    ),
    CarryOver(
        "a function's defaults",
        "import heapq, textwrap",
        "textwrap.indent.__defaults__ = (lambda line: False,)",
        "textwrap.indent('a', '+') == 'a'",
    ),
    CarryOver(
        "a default that is changed in place",
        "import ast, copy",
        "copy.deepcopy.__defaults__[1].append(7)",
        "copy.deepcopy.__defaults__[1] == [7]",
    ),
    CarryOver(
        "another __class__",
        "import html\nfrom types import ModuleType\n"
        "class M(ModuleType):\n    seven = property(lambda self: 7)",
        "html.__class__ = M",
        "hasattr(html, 'seven')",
    ),
    CarryOver(
        "the garbage collector",
        "import gc, html",
        "[d.update(escape=7) for d in gc.get_objects() if type(d) is dict and 'escape' in d]",
        "html.escape == 7",
    ),
    CarryOver(
        "a running generator's frame",
        "",
        "def g():\n"
        "    yield (lambda: 0) and me.gi_frame.f_builtins\n"
        "me = g()\n"
        "next(me)['abs'] = lambda x: 7",
    ),
    CarryOver(
        "a generator's frame under a name of one's own",
        "class A:\n    gi_frame = f_builtins = update = 0",
        "me = (0 for _ in [])\nme.gi_frame.f_builtins.update(abs=lambda x: 7)",
    ),
    CarryOver(
        "a traceback",
        "",
        "try:\n"
        "    1 / 0\n"
        "except ZeroDivisionError as error:\n"
        "    error.__traceback__.tb_frame.f_builtins['abs'] = lambda x: 7",
    ),
]

_ARGS = "def f(self):\n        self.args = 7"


def _calls(name: str, classes: str, poison: str) -> CarryOver:
    """A method that sets an attribute of its first parameter, called on a class that is shared."""
    before = f"from json import JSONDecodeError as Shared\n{classes}"
    return CarryOver(f"a method: {name}", before, poison, "Shared.args == 7")


METHODS = [
    _calls(
        "through a setter of one's own",
        "class D:\n    def setter(self, f): f(Shared)\n",
        "d = D()\nclass A:\n    @d.setter\n    def f(self):\n        self.args = 7",
    ),
    _calls(
        "through super in a classmethod",
        f"class A:\n    {_ARGS}\n"
        "class B(A):\n    @classmethod\n    def g(cls): super().f(Shared)\n",
        "B().g()",
    ),
    _calls(
        "a constructor through super in a static method",
        "class A:\n    def __init__(self):\n        self.args = 7\n"
        "class B(A):\n    @staticmethod\n    def g(b): super().__init__(Shared)\n",
        "B.g(B)",
    ),
    _calls(
        "a constructor through super in a function",
        "class A:\n    def __init__(self):\n        self.args = 7\n"
        "class B(A):\n    def __init__(self, x):\n"
        "        def g(b): super().__init__(Shared)\n        g(x)\n",
        "B(B)",
    ),
    _calls(
        "through cls",
        f"class A:\n    {_ARGS}\n    @classmethod\n    def g(cls): cls.f(Shared)\n",
        "A().g()",
    ),
    _calls(
        "through an inner class",
        "class O:\n    class I:\n        def f(self):\n            self.args = 7\n",
        "O().I.f(Shared)",
    ),
    _calls(
        "in a default argument", "", f"class A:\n    {_ARGS}\n    def g(self, x=f(Shared)): pass"
    ),
    _calls(
        "through the type that is looked for",
        f"class A:\n    {_ARGS}\nclass D:\n    def __contains__(self, k): k.f(Shared)\n",
        "type(A()) in D()",
    ),
    _calls(
        "through the type that is compared",
        f"class A:\n    {_ARGS}\nclass D:\n    def __lt__(self, k): k.f(Shared)\n",
        "D() < type(A())",
    ),
    _calls(
        "as an enumeration's _missing_",
        "from enum import Enum\n"
        "class A(Enum):\n    X = 1\n    def _missing_(self):\n        self.args = 7\n",
        "A(Shared)",
    ),
    _calls(
        "through a class pattern",
        f"class A:\n    {_ARGS}\n",
        "match 0:\n    case 0:\n        (lambda c: c.f(Shared))(A)",
    ),
    _calls(
        "through another scope's name",
        "s = Shared\n"
        "class A:\n    def f(s):\n"
        "        def g():\n            global s\n            s.args = 7\n        g()\n",
        "A().f()",
    ),
    _calls(
        "through the type of a class",
        f"from collections import Counter\nclass A:\n    {_ARGS}\n",
        "Counter.copy(int)(A()).f(Shared)",
    ),
    _calls(
        "through the memo of a copy",
        f"from copy import deepcopy\nclass A:\n    {_ARGS}\n",
        "a = A()\ndeepcopy(a.f, {int(repr(a).split('0x')[1][:-1], 16): Shared})()",
    ),
]

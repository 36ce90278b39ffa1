"""May the next sample run in the same process? Only when the source provably leaves nothing behind.

A batch of samples shares a forked process to save 99% of the cost. `leaves_nothing` reads the
syntax tree and accepts only what `harmless.toml` lists: so no text is ever run as code, and nothing
that outlives a sample (modules, classes of others, caches, registries, random state) can be
changed. Anything it does not know is refused, which costs a fork per sample. Reading a source can
crash the parser, so this runs in the child, before any code of the source.

What it does not see: time itself, and memory that a sample leaves to the garbage collection. The
host grades one sample of each batch again in a new process; see `sandbox.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from graders.sandbox.reuse.harmless import (
    ALL_BUILTINS,
    ATTRIBUTES,
    BASES,
    BUILTINS,
    CALLED_ONLY,
    CAST,
    DATACLASS,
    DEEPCOPY,
    FLAGS_AT,
    METHODS,
    MODULES,
    NODES,
    TYPE_NODES,
    TYPES_ONLY,
    attributes_of_others,
)
from graders.sandbox.reuse.names import attributes_of, bound, loads_but_plain_uses, methods

# A field of a format string that follows attributes: it shows what others left behind.
_FOLLOWS = re.compile(r"\{[^{}:!]*[.\[]")


class _Unknown(Exception):
    """Something that is not known to be harmless."""


def leaves_nothing(source: str) -> bool:
    """Whether a run of this source provably cannot change a later one in the same process."""
    try:
        tree = ast.parse(source)
        _Reader(tree).read(tree)
    except (_Unknown, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


class _Reader:
    """Walks the tree from the top and raises _Unknown at the first thing that is not listed."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        self._imported: dict[str, tuple[str, str | None]] = {}
        for node in nodes:
            if type(node).__name__ not in NODES:
                raise _Unknown
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        if set(bound(nodes)) & (self._imported.keys() | ALL_BUILTINS):
            raise _Unknown  # a name that means two things
        self._classes = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
        attributes = set(attributes_of(nodes))
        if "close" in attributes and any(isinstance(node, ast.YieldFrom) for node in nodes):
            raise _Unknown  # called when the generator is collected, in a neighbour's time
        self._own = attributes - attributes_of_others()
        self._methods = {f.name for c in nodes if isinstance(c, ast.ClassDef) for f in methods(c)}
        # The first parameter of a method is an instance as long as nobody can reach the bare
        # function, so a class is only called, inherited, raised or compared with.
        self._bare_classes = loads_but_plain_uses(nodes, self._classes)
        self._self: str | None = None
        self._may_call_super = False
        self._in_type = False

    def read(self, node: ast.AST) -> None:
        """Read a node and all below it."""
        match node:
            case ast.Import() | ast.ImportFrom():
                pass  # read before all else
            case ast.Attribute():
                self._attribute(node)
            case ast.Name():
                self._name(node)
            case ast.Call():
                self._call(node)
            case ast.Compare():
                self._compare(node)
            case ast.ClassDef():
                self._class(node)
            case ast.FunctionDef():
                self._function(node)
            case ast.arg() | ast.AnnAssign():
                self._type(node.annotation)
                below = ast.iter_child_nodes(node)
                self._read_all(inner for inner in below if inner is not node.annotation)
            case _:
                for name in node.kwd_attrs if isinstance(node, ast.MatchClass) else ():
                    self._readable(name)
                self._read_all(ast.iter_child_nodes(node))

    def _read_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.read(node)

    def _type(self, node: ast.expr | None) -> None:
        """Read an annotation, whose value nobody can get at."""
        if node is None:
            return
        self._in_type = all(type(inner).__name__ in TYPE_NODES for inner in ast.walk(node))
        self.read(node)
        self._in_type = False

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                module, name = node.module or "", alias.name
                if node.level or alias.name not in MODULES.get(module, ()):
                    raise _Unknown
            else:
                module, name = alias.name, None
                if module not in MODULES:
                    raise _Unknown
                if alias.asname is None:
                    module = module.partition(".")[0]
            name_here = alias.asname or alias.name.partition(".")[0]
            if self._imported.setdefault(name_here, (module, name)) != (module, name):
                raise _Unknown
            if name_here in ALL_BUILTINS:
                raise _Unknown

    def _module(self, node: ast.expr) -> str | None:
        """The module that an expression names, if any."""
        if isinstance(node, ast.Name):
            module, name = self._imported.get(node.id, (None, ""))
            return module if name is None else None
        if isinstance(node, ast.Attribute) and (above := self._module(node.value)):
            inner = f"{above}.{node.attr}"
            return inner if inner in MODULES else None
        return None

    def _from_module(self, node: ast.expr) -> tuple[str, str] | None:
        """(module, name) where an expression is a listed name of a module."""
        if isinstance(node, ast.Name):
            module, name = self._imported.get(node.id, ("", None))
            return (module, name) if name is not None else None
        if isinstance(node, ast.Attribute) and (module := self._module(node.value)):
            return (module, node.attr) if node.attr in MODULES[module] else None
        return None

    def _name(self, node: ast.Name) -> None:
        name = node.id
        if name.startswith("__") and name != "__name__":
            raise _Unknown
        if name in ALL_BUILTINS and name not in BUILTINS and name != "__name__":
            raise _Unknown
        module, of_module = self._imported.get(name, ("", ""))
        if of_module is None:
            raise _Unknown  # a module as a value
        self._plain(module, of_module)

    def _attribute(self, node: ast.Attribute) -> None:
        if self._module(node.value) is not None:
            found = self._from_module(node)
            if found is None or not isinstance(node.ctx, ast.Load):
                raise _Unknown
            self._plain(*found)
            return
        if isinstance(node.value, ast.Name) and node.value.id == self._self:
            if node.attr.startswith("__"):
                raise _Unknown
            return
        if not isinstance(node.ctx, ast.Load):
            raise _Unknown
        if node.attr == "__name__":
            self._read_all(map(_typed, [node.value]))
        elif node.attr == "__init__" and self._may_call_super and _is_super(node.value):
            pass
        elif node.attr == "format" and isinstance(node.value, ast.Constant):
            if _FOLLOWS.search(str(node.value.value)):
                raise _Unknown
        else:
            self._readable(node.attr)
            self.read(node.value)

    def _readable(self, name: str) -> None:
        if name not in ATTRIBUTES and (name.startswith("_") or name not in self._own):
            raise _Unknown

    def _plain(self, module: str, name: str) -> None:
        """Refuse, as a value, what is harmless only in the place where it is looked for."""
        if (module, name) in TYPES_ONLY and not self._in_type:
            raise _Unknown
        if (module, name) in CALLED_ONLY | {DATACLASS} or (module == "re" and name in FLAGS_AT):
            raise _Unknown

    def _call(self, node: ast.Call) -> None:
        found = self._from_module(node.func)
        if found is not None and found[0] == "re" and found[1] in FLAGS_AT:
            self._flags(node, FLAGS_AT[found[1]])
        elif found not in CALLED_ONLY:
            self.read(node.func)
        elif found == DEEPCOPY:
            one = len(node.args) == 1 and not isinstance(node.args[0], ast.Starred)
            if not one or node.keywords:
                raise _Unknown
        types = 1 if found == CAST else 0
        self._read_all((*node.args[types:], *node.keywords))
        for named in node.args[:types]:
            self._type(named)

    def _flags(self, node: ast.Call, at: int) -> None:
        flags = [keyword.value for keyword in node.keywords if keyword.arg in ("flags", None)]
        if any(isinstance(value, ast.Starred) for value in node.args):
            raise _Unknown
        for value in (*flags, *node.args[at : at + 1]):
            self._flag(value)

    def _flag(self, value: ast.expr) -> None:
        match value:
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                self._flag(left)
                self._flag(right)
            case ast.Constant(value=constant) if type(constant) is int:
                pass
            case _:
                module, name = self._from_module(value) or ("", "")
                if module != "re" or not name.isupper():
                    raise _Unknown

    def _compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        # Where no method of the source is asked, it may be a type that is compared.
        plain = all(isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq) for op in node.ops)
        literal = all(isinstance(value, ast.Tuple | ast.List) for value in node.comparators)
        self._read_all(map(_typed, operands) if plain or literal else operands)

    def _class(self, node: ast.ClassDef) -> None:
        names = [base.id for base in node.bases if isinstance(base, ast.Name)]
        if node.keywords or len(names) < len(node.bases) or set(names) - BASES - self._classes:
            raise _Unknown
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if self._from_module(call.func if call else decorator) != DATACLASS:
                raise _Unknown
            self._read_all(call.keywords if call else ())
        outside, self._self = self._self, None
        for statement in node.body:
            if isinstance(statement, ast.ClassDef):
                raise _Unknown
            method = isinstance(statement, ast.FunctionDef)
            for part in _around(statement) if method else (statement,):
                self._no_method_in(part)
            if method:
                self._method(statement)
            else:
                self.read(statement)
        self._self = outside

    def _no_method_in(self, node: ast.AST) -> None:
        """Refuse the names of methods in the body of a class, where they are bare functions."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and (
                inner.id.startswith("__") or inner.id in self._methods
            ):
                raise _Unknown

    def _method(self, node: ast.FunctionDef) -> None:
        if node.name.startswith("__") and node.name not in METHODS:
            raise _Unknown
        parameters = [*node.args.posonlyargs, *node.args.args]
        safe = node.name == "__init__" or not self._bare_classes
        instance = None
        if safe and parameters and all(map(_keeps_instance, node.decorator_list)):
            first = parameters[0].arg
            if list(bound(ast.walk(node))).count(first) == 1:
                instance = first
        scopes = sum(isinstance(inner, ast.FunctionDef | ast.Lambda) for inner in ast.walk(node))
        self._may_call_super = node.name == "__init__" and instance is not None and scopes == 1
        self._parts(node, instance)
        self._may_call_super = False

    def _function(self, node: ast.FunctionDef) -> None:
        if node.name.startswith("__"):
            raise _Unknown
        self._parts(node, self._self)

    def _parts(self, node: ast.FunctionDef, instance: str | None) -> None:
        kinds = {type(inner) for inner in ast.walk(node)}
        if kinds & {ast.Yield, ast.YieldFrom} and kinds & {ast.Try, ast.With}:
            raise _Unknown  # its end may run when it is collected, in a neighbour's time
        # Defaults, annotations and decorators belong to the scope around the function.
        self._read_all((*node.decorator_list, node.args))
        self._type(node.returns)
        outside, self._self = self._self, instance
        self._read_all(node.body)
        self._self = outside


def _is_super(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="super"), args=[], keywords=[]):
            return True
        case _:
            return False


def _typed(node: ast.expr) -> ast.expr:
    """`x` for `type(x)`, in a place where the type is only named or compared."""
    match node:
        case ast.Call(func=ast.Name(id="type"), args=[value], keywords=[]):
            return value
        case _:
            return node


def _around(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """What is evaluated where the function is defined."""
    yield from (*node.decorator_list, node.args)
    if node.returns is not None:
        yield node.returns


def _keeps_instance(decorator: ast.expr) -> bool:
    """Whether a decorator hands the method nothing but instances."""
    return isinstance(decorator, ast.Name) and decorator.id == "property"

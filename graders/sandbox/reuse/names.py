"""What a syntax tree binds and names: the facts that `carryover.py` decides by."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator


def bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every name that is given a value, other than by an import, or another scope."""
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name
            case ast.Global(names=names):
                yield from names  # in a nested function it is not what is around it
            case _:
                pass


def methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]


def attributes_of(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that classes of the source give to their attributes."""
    for node in nodes:
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.ClassDef():
                yield from bound(node.body)
                for inner in node.body:
                    yield from bound(ast.walk(inner)) if isinstance(inner, ast.Assign) else ()
                    if isinstance(inner, ast.AnnAssign):
                        yield from bound([inner.target])
            case _:
                pass


def loads_but_plain_uses(nodes: Iterable[ast.AST], classes: set[str]) -> bool:
    """Whether a class of the source is used as a value, rather than called or named."""
    loads, plain = 0, 0
    for node in nodes:
        match node:
            case ast.Name(id="classmethod", ctx=ast.Load()):
                return True
            case ast.Name(id=name, ctx=ast.Load()) if name in classes:
                loads += 1
            case ast.Call(
                func=ast.Name(id="isinstance" | "issubclass"), args=[_, ast.Name(id=name)]
            ):
                plain += name in classes
            case ast.Call(func=ast.Name(id=name)):
                plain += name in classes
            case ast.ClassDef(bases=bases):
                plain += sum(isinstance(base, ast.Name) and base.id in classes for base in bases)
            case ast.ExceptHandler(type=ast.Name(id=name)) | ast.Raise(exc=ast.Name(id=name)):
                plain += name in classes
            case ast.arg(annotation=ast.Name(id=name)) | ast.FunctionDef(returns=ast.Name(id=name)):
                plain += name in classes
            case _:
                pass
    return loads != plain

"""May one sample's run reach the next sample of the same process? Two guards, both cheap.

A batch of samples shares a forked process to save 99% of the cost. That is for plain graders.
`needs_own_fork` reads the source as text (never parses it: hostile source can crash the parser)
and sends anything that could run code of its own making, look around the interpreter, start
threads or change a module to one fork per sample. These are words; a false alarm costs time only.

`Watch` then compares, after each sample, `builtins` and the modules whose names the source
mentions with what they were. On a change the host abandons the process. Neither guard sees a
grader that alters a container deep inside a module. It would only spoil its own verdicts: model-
written code is never in this process.
"""

from __future__ import annotations

import builtins
import re
import sys
import unicodedata
from operator import is_
from types import ModuleType

_WORDS = """
    __builtins__ __import__ __loader__ __spec__ _getframe _thread ast asyncio atexit attrgetter
    breakpoint builtins code codecs codeop compile concurrent ctypes delattr eval exec
    faulthandler gc getattr globals importlib inspect linecache locals logging marshal
    methodcaller mmap multiprocessing os pdb pickle pkgutil resource runpy seterr setattr
    setcontext setitem setlocale set_option set_printoptions setprofile settrace shelve signal
    socket subprocess sys     tempfile threading tracemalloc types unittest vars warnings weakref
"""

_RISKY = re.compile(
    rf"\b(?:{'|'.join(_WORDS.split())})\b"
    r"|(?<!\bself)\._"  # a private or special attribute of something else
    # module.name = ..., module.name[key] = ..., module.name += ...
    r"|(?<!\bself)\.\w+(?:\[[^\]\n]{0,200}\])?\s{0,9}(?:[-+*/|&^%@]|//|\*\*|<<|>>)?=(?!=)"
    r"|\bdel\s+\w+\."
)

_WORD = re.compile(r"\w+")


def needs_own_fork(source: str) -> bool:
    """Whether every sample of this source gets a process of its own."""
    # Python folds identifiers the same way, so a fullwidth `exec` is `exec`. One character at a
    # time, because folding a long run of accents at once takes time that grows with its square.
    folded = source
    if not source.isascii():
        folded = "".join(unicodedata.normalize("NFKC", character) for character in source)
    return _RISKY.search(folded) is not None


class Watch:
    """Remembers what `builtins` and the modules named in `source` hold, by identity."""

    def __init__(self, source: str) -> None:
        words = set(_WORD.findall(source))
        self._seen = [_Seen(builtins)]
        for name, module in list(sys.modules.items()):
            if words.issuperset(name.split(".")) and hasattr(module, "__dict__"):
                self._seen.append(_Seen(module))

    def changed(self) -> bool:
        """Whether a name was added, taken away or given another value since."""
        return any(seen.differs() for seen in self._seen)


class _Seen:
    def __init__(self, module: ModuleType) -> None:
        self._names = module.__dict__
        self._keys = tuple(self._names)
        self._values = tuple(self._names.values())

    def differs(self) -> bool:
        # By identity: an equality test would call the `__eq__` of what was put there.
        if not all(map(is_, map(self._names.get, self._keys), self._values)):
            return True
        if len(self._names) == len(self._keys):
            return False
        # A submodule imported since hangs itself on its package: no harm in that.
        added = self._names.keys() - set(self._keys)
        return not all(isinstance(self._names[name], ModuleType) for name in added)

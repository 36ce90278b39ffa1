"""Reads of a store that another process owns: the owner serves them on a Unix socket beside it.

DuckDB lets only one process open a file, and a run may take hours; so the owner answers queries of
the same user's other processes. Only a SELECT from tables is answered. It cannot read other files,
and cannot call table functions except the store's own: some of DuckDB's change the owner's
database, and one ends its process. Only the user can connect to the socket. The next owner replaces
the socket that a killed process left.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from flywheel.store.errors import StoreFailed, StoreInUse
from flywheel.store.execute import Params, execute, execute_with
from flywheel.store.owner import real_path
from flywheel.store.reader import Reader
from flywheel.store.rows.arrow import ArrowTable, pyarrow

if TYPE_CHECKING:
    import duckdb

_MOST_BYTES = 1 << 30
_MOST_REQUEST = 16 << 20
# Each connection costs the owner a thread and a descriptor.
_MOST_PEERS = 32
_LENGTH = struct.Struct("!Q")
# Flywheel's own functions, which select from tables.
_MACROS = frozenset({"newest_samples", "newest_scores"})
# The kernel's own limit on a socket's path is 108 bytes; this name of the folder is short.
_SHORT = "/proc/self/fd/{}/{}"
_SECONDS = 600.0
# A connection without a request within this time is closed.
_SECONDS_TO_ASK = 10.0


class ReadServer:
    """Answers reads and cancels of other processes, from `start` to `close`."""

    def __init__(
        self,
        store: Reader,
        cancel: Callable[[str], bool] = lambda name: False,
        note_look: Callable[[Sequence[str]], object] | None = None,
    ) -> None:
        """`cancel` stops the run of this name, and returns whether it was active here.

        `note_look` records that a baseline and its candidates were compared on a sealed split.
        """
        self._store, self._cancel, self._note_look = store, cancel, note_look
        self._path = socket_path(store.path)
        self._listener: socket.socket | None = None
        self._peers = threading.BoundedSemaphore(_MOST_PEERS)

    def start(self) -> None:
        """Listen. Does nothing if no socket can be created, as on some network disks."""
        listener = socket.socket(socket.AF_UNIX)
        try:
            # Restricted before it gets its name, so that other users can never connect.
            os.fchmod(listener.fileno(), 0o600)
            with _short(self._path) as name:
                self._path.unlink(missing_ok=True)
                listener.bind(name)
            if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
                raise OSError("others may connect")
            listener.listen()
        except OSError:
            listener.close()
            return
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Stop listening. A second call does nothing."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            self._path.unlink(missing_ok=True)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            self._peers.acquire()
            try:
                line, _ = listener.accept()
                threading.Thread(target=self._answer, args=(line,), daemon=True).start()
            except (OSError, RuntimeError):
                self._peers.release()
                if self._listener is not listener:
                    return
                # Out of descriptors or threads: wait until some are free.
                time.sleep(0.1)

    def _answer(self, line: socket.socket) -> None:
        try:
            with closing(line), suppress(OSError):
                try:
                    request = _receive(line, _MOST_REQUEST, _SECONDS_TO_ASK)
                    answer, rows = self._answer_to(request)
                except Exception as error:
                    answer, rows = {"error": f"{type(error).__name__}: {error}"}, None
                line.settimeout(_SECONDS)
                _send(line, answer)
                if rows is not None:
                    with (
                        line.makefile("wb") as stream,
                        pyarrow().ipc.new_stream(stream, rows.schema) as writer,
                    ):
                        writer.write_table(rows)
        finally:
            self._peers.release()

    def _answer_to(self, request: Mapping[str, Any]) -> tuple[Mapping[str, Any], ArrowTable | None]:
        """The response to a request, and the rows that follow it."""
        if "cancel" in request:
            return {"cancelled": self._cancel(str(request["cancel"]))}, None
        if "look" in request and self._note_look is not None:
            self._note_look([str(run) for run in request["look"]])
            return {"noted": True}, None
        sql = str(request["sql"])
        with self._store.cursor() as cursor:
            _check_select(cursor, sql)
            result: Any = execute(cursor, sql, request["params"])
            rows: ArrowTable = result.to_arrow_table()
        return {"rows": rows.num_rows}, rows


class RemoteReader(Reader):
    """Reads a store through its owner. The only write is a look at a sealed split."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def cursor(self) -> Generator[NoReturn]:
        """Raise StoreInUse: only the owner can have a cursor."""
        raise StoreInUse(f"{self.path}: in use by another process; wait for it to end")
        yield  # pyright: ignore[reportUnreachable]

    @contextmanager
    def result(self, sql: str, params: Params = ()) -> Generator[duckdb.DuckDBPyConnection]:
        """The owner's result, in a database of this process."""
        import duckdb

        rows: ArrowTable = self._ask({"sql": sql, "params": params})["rows"]
        decimal = pyarrow().decimal128(38, 0)
        # DuckDB's sum of integers is a decimal in Arrow.
        names = {field: '"' + field.name.replace('"', '""') + '"' for field in rows.schema}
        columns = ", ".join(
            f"{name}::HUGEINT AS {name}" if field.type == decimal else name
            for field, name in names.items()
        )
        with duckdb.connect(config={"threads": 1}) as connection:
            yield execute_with(connection, f'SELECT {columns} FROM "incoming"', rows)

    def cancel(self, run: str) -> bool:
        """Stop a run that the owner measures; False if it measures no run of this name."""
        return bool(self._ask({"cancel": run})["cancelled"])

    def note_look(self, runs: Sequence[str]) -> None:
        """Let the owner record that these runs were compared, the baseline first."""
        self._ask({"look": list(runs)})

    def _ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        line = _connect(self.path)
        if line is None:
            raise StoreInUse(f"{self.path}: the process that owned it has just ended; try again")
        with closing(line):
            try:
                _send(line, request)
                answer = _receive(line)
                if "rows" in answer:
                    with line.makefile("rb") as stream:
                        answer["rows"] = pyarrow().ipc.open_stream(stream).read_all()
            except (OSError, ValueError) as error:
                raise StoreFailed(f"{self.path}: its owner does not answer: {error}") from None
        if "error" in answer:
            raise StoreFailed(f"{self.path}: its owner cannot answer: {answer['error']}")
        return answer


def socket_path(path: Path) -> Path:
    """The path of the owner's socket: beside the store's file, even if a link names the store."""
    return Path(f"{real_path(path)}.socket")


def is_served(path: Path) -> bool:
    """Whether the owner of a store answers reads."""
    line = _connect(path)
    if line is not None:
        line.close()
    return line is not None


def _connect(path: Path) -> socket.socket | None:
    """A connection to the owner; None if no process of this user listens."""
    place = socket_path(path)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(_SECONDS)
    try:
        if place.lstat().st_uid != os.getuid():
            raise PermissionError
        with _short(place) as name:
            line.connect(name)
    except OSError:
        line.close()
        return None
    return line


@contextmanager
def _short(path: Path) -> Generator[str]:
    """A name of this path that is short enough for a socket's address."""
    folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _SHORT.format(folder, path.name)
    finally:
        os.close(folder)


def _check_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    import duckdb

    statements = cursor.extract_statements(sql)
    is_select = [one.type for one in statements] == [duckdb.StatementType.SELECT]
    ((tree,),) = cursor.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    read = json.loads(tree)
    # Only a plain SELECT can be serialized, not a PRAGMA, for example.
    if not is_select or read["error"] or not _MACROS.issuperset(_table_functions(read)):
        raise StoreInUse(
            "only one SELECT without table functions is answered; wait for the process that owns"
            " the store"
        )


def _table_functions(tree: Any) -> Generator[str]:
    """The names of all table functions that a serialized statement calls."""
    if isinstance(tree, dict):
        node = cast("dict[str, Any]", tree)
        if node.get("type") == "TABLE_FUNCTION":
            yield node["function"]["function_name"]
        tree = list(node.values())
    if isinstance(tree, list):
        for inner in cast("list[Any]", tree):
            yield from _table_functions(inner)


def _send(line: socket.socket, message: Mapping[str, Any]) -> None:
    data = json.dumps(message).encode()
    line.sendall(_LENGTH.pack(len(data)) + data)


def _receive(
    line: socket.socket, most: int = _MOST_BYTES, seconds: float = _SECONDS
) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    (length,) = _LENGTH.unpack(_read(line, _LENGTH.size, deadline))
    if length > most:
        raise OSError(f"{length} bytes are too many")
    return json.loads(_read(line, length, deadline))


def _read(line: socket.socket, length: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < length:
        line.settimeout(max(0.001, deadline - time.monotonic()))
        part = line.recv(min(length - len(data), 1 << 20))
        if not part:
            raise OSError("the connection ended")
        data += part
    return bytes(data)

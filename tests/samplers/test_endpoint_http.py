"""endpoint_http: answers cut anywhere, TLS, and the tunnel of a proxy."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from flywheel.samplers.endpoint.http import HttpClient
from flywheel.samplers.endpoint.http_buffer import AnswerReader, Broken
from flywheel.samplers.sampler import Output
from tests.samplers.asking import endpoint, request

BODY = b'{"choices": [{"message": {"content": "x"}}]}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;a=b\r\n%s\r\n%X\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
)


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["plain", "chunked"])
def test_an_answer_may_be_cut_anywhere(answer: bytes) -> None:
    for size in (1, 2, 3, 7, len(answer)):
        reader, buffer, whole = AnswerReader(), bytearray(), False
        for start in range(0, len(answer), size):
            assert not whole
            buffer += answer[start : start + size]
            whole = reader.read(buffer)
        assert (whole, reader.body, reader.keep, len(buffer)) == (True, BODY, True, 0)


@pytest.mark.parametrize(
    ("answer", "story"),
    [
        (b"220 mail.example ESMTP\r\n\r\n", "not HTTP/1: it begins '220 mail"),
        (b"HTTP/2 200\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "Content-Length is '-5'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "longer than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no sizes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "no sizes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "no sizes"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "no end"),
    ],
)
def test_what_is_no_answer_is_broken(answer: bytes, story: str) -> None:
    reader, buffer = AnswerReader(), bytearray(answer)
    with pytest.raises(Broken, match=story):
        reader.read(buffer)
        reader.read(buffer)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost, and what a server needs to show it."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("needs the openssl command to make a certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:far.test"]
    command += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return cert, context


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request on a connection with the same body."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        length = next(x for x in head.split(b"\r\n") if x.lower().startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(PLAIN)
        await writer.drain()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await serve_one(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def ask_all(url: str, count: int) -> list[Output]:
    sampler = endpoint(url, attempts=2, in_flight=2)
    outputs = [o async for _, o in sampler.sample([request("hi")] * count)]
    # Our server in this loop has to hear that its clients are gone.
    await asyncio.sleep(0.05)
    return outputs


def test_tls_trusts_the_systems_certificates_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, context = certificate(tmp_path)

    async def run() -> list[Output]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await ask_all(f"https://localhost:{port}/v1", 6)

    assert all("certificate" in (output.error or "") for output in asyncio.run(run()))
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert [output.text for output in asyncio.run(run())] == ["x"] * 6


def test_a_proxy_is_asked_for_a_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, context = certificate(tmp_path)
    asked: list[bytes] = []

    async def run(refuse: bool) -> list[Output]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            if refuse:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                writer.close()
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(pump(reader, far), pump(far_reader, writer))

        proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        async with server, proxy:
            return await ask_all("https://far.test/v1", 4)

    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert [output.text for output in asyncio.run(run(refuse=False))] == ["x"] * 4
    assert asked[0].startswith(b"CONNECT far.test:443 HTTP/1.1\r\n")
    outputs = asyncio.run(run(refuse=True))
    assert all("the proxy answered 407" in (output.error or "") for output in outputs)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


def test_the_client_asks_for_the_path_and_keeps_the_query() -> None:
    async def run() -> str:
        heads: list[bytes] = []

        async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(PLAIN)
            writer.close()

        server = await asyncio.start_server(note, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            client = HttpClient(f"http://127.0.0.1:{port}/a/b?v=1", {"X": "y"})
            assert (await client.post(b"", 5.0)).body == BODY
            client.close()
            await asyncio.sleep(0.05)
        return heads[0].decode()

    head = asyncio.run(run())
    assert head.startswith("POST /a/b?v=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "\r\nX: y\r\n" in head

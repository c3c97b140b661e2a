"""Serve the files of a folder from memory: /<anything>/<name> answers with the file <name>.

    python benchmarks/image_server.py FOLDER

Prints its port. Made to cost little beside its clients, which share the machine with it: one asyncio process, a
hand-written protocol, connections kept alive unless the client says otherwise.
"""

import asyncio
import sys
from pathlib import Path


class Images(asyncio.Protocol):
    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            name = request.split(b" ", 2)[1].rpartition(b"/")[2]
            self._transport.write(self._answers.get(name) or _answer(b"404 Not Found", b""))
            if b"connection: close" in request.lower():
                self._transport.close()  # after all is sent


def _answer(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def _serve(answers: dict[bytes, bytes]) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Images(answers), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    files = {path.name.encode(): path.read_bytes() for path in Path(sys.argv[1]).iterdir()}
    asyncio.run(_serve({name: _answer(b"200 OK", data) for name, data in files.items()}))

"""A worker process: python -m pricefuse.workers.process_main FD, where FD is its end of a pipe.

It ends when the other end is closed, and so with the process that started it, however that ended.
"""

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection

from pricefuse.workers.server import BlockServer

TAKE_S = 3600.0


def main() -> None:
    """Compute blocks until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the other end decides what it means
    connection = Connection(int(sys.argv[1]))
    try:
        server = BlockServer(connection.recv())
        threading.Thread(target=_talk, args=[server, connection], daemon=True).start()
        while True:
            server.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


def _talk(server: BlockServer, connection: Connection) -> None:
    while True:
        messages = server.take(TAKE_S)
        try:
            connection.send(messages)
        except OSError:
            os._exit(0)


if __name__ == "__main__":
    main()

"""Workers that are processes of this machine: one a GPU, or several that share its cores."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from pricefuse.resources import available_cores
from pricefuse.workers.block import Block, Build
from pricefuse.workers.messages import Died, Message

END_S = 5.0


class Processes:
    """Start a process for each slot, and talk to it through a pipe that only the two have.

    A process is a fresh interpreter, not a fork: CUDA does not survive one. It sees one GPU, as CUDA_VISIBLE_DEVICES
    tells it before it imports anything.
    """

    def __init__(self, build: Build, count: int | None, threads: int) -> None:
        """Prepare `count` workers, of `threads` CPU threads where there is no GPU.

        None is for one a GPU, or where there is none as many as have a core for each thread.
        """
        self._build, self._gpus = build, visible_gpus()
        cores = available_cores()
        self.count = count or len(self._gpus) or max(1, cores // threads)
        self._environment = thread_variables(None if self._gpus else threads, max(1, cores // self.count))
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._pipes: dict[int, Connection] = {}

    def start(self, slot: int) -> None:
        ours, theirs = Pipe()
        with theirs:
            self._processes[slot] = subprocess.Popen(  # noqa: S603 - this interpreter, and a number
                [sys.executable, "-P", "-m", "pricefuse.workers.process_main", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=self.environment(slot),
            )
        self._pipes[slot] = ours
        self._send(slot, self._build)

    def environment(self, slot: int) -> dict[str, str]:
        """Return the environment of the process in a slot."""
        found = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **self._environment}
        return found | ({"CUDA_VISIBLE_DEVICES": self._gpus[slot % len(self._gpus)]} if self._gpus else {})

    def send(self, slot: int, block: Block) -> None:
        self._send(slot, block)

    def _send(self, slot: int, content: object) -> None:
        with suppress(OSError):  # it has died, which `wait` will say
            self._pipes[slot].send(content)

    def wait(self, seconds: float) -> list[tuple[int, Message]]:
        slots = {id(pipe): slot for slot, pipe in self._pipes.items()}
        found: list[tuple[int, Message]] = []
        for pipe in wait(list(self._pipes.values()), seconds):
            slot = slots[id(pipe)]
            try:
                found += [(slot, message) for message in self._pipes[slot].recv()]
            except (EOFError, OSError):
                found.append((slot, Died(self._ended(slot))))
        return found

    def _ended(self, slot: int) -> str:
        """Remove a process whose pipe is closed; return how it ended."""
        self._pipes.pop(slot).close()
        process = self._processes.pop(slot)
        try:
            status = process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if status >= 0:
            return f"it exited with status {status}"
        number = -status
        known = number in {*signal.Signals}
        hint = ", perhaps for lack of memory" if number == signal.SIGKILL else ""
        return f"it was killed by {signal.Signals(number).name if known else f'signal {number}'}{hint}"

    def stop(self, slot: int) -> None:
        self._pipes.pop(slot).close()
        process = self._processes.pop(slot)
        process.kill()
        process.wait()

    def close(self) -> None:
        for slot in list(self._processes):
            self.stop(slot)

    def describe(self) -> str:
        return f"This machine has {available_cores()} CPU cores and {len(self._gpus)} GPUs"


def thread_variables(threads: int | None, cores: int) -> dict[str, str]:
    """Return the environment of a worker that has so many `cores`, and `threads` CPU threads: None for one a core."""
    return {"LOKY_MAX_CPU_COUNT": str(cores), "OMP_NUM_THREADS": str(threads or cores)}


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch  # noqa: PLC0415 - takes seconds, and only this needs it

    count = torch.cuda.device_count()
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return (named or [str(number) for number in range(count)])[:count]

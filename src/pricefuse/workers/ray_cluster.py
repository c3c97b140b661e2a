"""Workers on the machines of a Ray cluster.

https://docs.ray.io/en/latest/ray-core/actors.html. Ray places them, carries blocks and records, and says which are
gone. It restarts nothing and repeats nothing itself: a block that kills would be repeated unseen, and the limits of the
scheduler not hold.
"""

import logging
import os
import socket
import time
from typing import Any

# Not unless its user wants it: Ray reports the use of a cluster to its makers by default.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

try:
    import ray
except ImportError:
    ray = None

from pricefuse.errors import InputError
from pricefuse.workers.block import Block, Build
from pricefuse.workers.messages import Died, Message, Raised
from pricefuse.workers.processes import thread_variables
from pricefuse.workers.ray_address import THIS_MACHINE, checked_address

TAKE_S, ANSWER_S = 5.0, 10.0


class _Actor:
    """A worker on some machine of the cluster."""

    def __init__(self, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._server: Any = None

    def build(self, build: Build) -> list[Message]:
        from pricefuse.workers.server import BlockServer  # noqa: PLC0415 - it runs on the other machine

        self._server = BlockServer(build)
        return []

    def put(self, block: Block) -> None:
        self._server.put(block)

    def take(self) -> list[Message]:
        return self._server.take(TAKE_S)


class RayCluster:
    """An actor for each slot, with a GPU where the cluster has any, and its share of the CPUs."""

    def __init__(
        self, build: Build, count: int | None, threads: int, address: str | None, *, public_address: bool
    ) -> None:
        """Connect to the cluster at `address`; of that, and of `public_address`, see `checked_address`.

        `count` workers are started at the most, of `threads` CPU threads where the cluster has no GPU. None is for one
        a GPU, or where there is none as many as have a CPU for each thread. Raises InputError where Ray is not
        installed, the address is refused, or nobody answers there.
        """
        if ray is None:
            raise InputError("Ray is not installed. Run `pip install -r requirements-ray.txt -c constraints.txt`")
        found = checked_address(address, public=public_address)
        self._connected = not ray.is_initialized()
        if self._connected:
            _connect(found)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        computing = [node for node in nodes if node.get("GPU" if gpus else "CPU", 0) >= 1]
        cpus = int(sum(node.get("CPU", 0) for node in computing))
        self.count = count or gpus or max(1, cpus // threads)
        smallest = int(min((node.get("CPU", 1) for node in computing), default=1))
        cores = max(1, min(cpus // self.count, smallest))
        environment = thread_variables(None if gpus else threads, cores)
        options: dict[str, Any] = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": 3}
        self._asks = {"num_cpus": cores, "num_gpus": 1 if gpus else 0}
        actor: Any = ray.remote(_Actor)
        self._make: Any = lambda: actor.options(**options, **self._asks).remote(environment)
        self._build = ray.put(build)
        self._actors: dict[int, Any] = {}
        self._taking: dict[Any, int] = {}  # slots by the reference of what they will say next

    def start(self, slot: int) -> None:
        self._actors[slot] = actor = self._make()
        self._taking[actor.build.remote(self._build)] = slot

    def send(self, slot: int, block: Block) -> None:
        self._actors[slot].put.remote(block)

    def wait(self, seconds: float) -> list[tuple[int, Message]]:
        if not self._taking:
            time.sleep(seconds)
            return []
        ready, _ = ray.wait(list(self._taking), num_returns=1, timeout=seconds)
        found: list[tuple[int, Message]] = []
        for reference in ready:
            slot = self._taking.pop(reference)
            try:
                messages = ray.get(reference)
            except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError) as error:
                self.stop(slot)
                found.append((slot, Died(_first_sentence(error))))
                continue
            except ray.exceptions.RayTaskError as error:  # such as a machine without this project
                messages = [Raised(None, str(error))]
            found += [(slot, message) for message in messages]
            self._taking[self._actors[slot].take.remote()] = slot
        return found

    def stop(self, slot: int) -> None:
        self._taking = {reference: other for reference, other in self._taking.items() if other != slot}
        ray.kill(self._actors.pop(slot), no_restart=True)

    def close(self) -> None:
        for slot in list(self._actors):
            self.stop(slot)
        if self._connected:
            ray.shutdown()

    def describe(self) -> str:
        there, free = ({name: value for name, value in found.items() if name in {"CPU", "GPU"}}
                       for found in (ray.cluster_resources(), ray.available_resources()))  # fmt: skip
        return (
            f"The cluster has {there or 'no CPU'}, of which {free or 'nothing'} is free; a worker asks for {self._asks}"
        )


def _connect(address: str) -> None:
    """Connect this process to the cluster; raise InputError where that cannot be done."""
    try:
        if address not in THIS_MACHINE:
            host, _, port = address.rpartition(":")
            # Ray itself tries for a quarter of an hour.
            with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S):
                pass
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise InputError(
            f"no Ray cluster lets this machine in at {address} ({' '.join(str(error).split()):.200}). Start one with"
            " cluster/head.sh, let this machine join it with cluster/join.sh, and give both the same token"
            " (docs/scaling.md)"
        ) from error


def _first_sentence(error: Exception) -> str:
    """Return what Ray says without the numbers that follow."""
    return " ".join(str(error).split()).partition(" class_name:")[0].partition(". ")[0].rstrip(".")

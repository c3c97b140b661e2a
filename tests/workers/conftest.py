"""A Ray cluster on this machine: a head without CPUs, and three nodes with a CPU and a faked GPU each."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import worker_cases

# Ray reads them when it is imported: all of it on the loopback address, and no reports to its makers.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")
    folder = tempfile.mkdtemp(prefix="ray")  # a short path: sockets are in it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", folder)  # Ray writes a token there
        patch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(Path(worker_cases.__file__).parent)]))
        from ray.cluster_utils import Cluster

        cluster = Nodes(Cluster(initialize_head=True, head_node_args=node(num_cpus=0, temp_dir=folder)))
        try:
            for _ in range(3):
                cluster.add()
            cluster.wait_for_nodes()
            yield cluster
        finally:
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def node(**options):
    return {"node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": 80 * 2**20, **options}


class Nodes:
    def __init__(self, cluster):
        self._cluster, self.nodes = cluster, []
        self.address, self.wait_for_nodes, self.shutdown = cluster.address, cluster.wait_for_nodes, cluster.shutdown

    def add(self):
        self.nodes.append(self._cluster.add_node(**node(num_cpus=1, num_gpus=1)))

    def remove(self):
        self._cluster.remove_node(self.nodes.pop(0), allow_graceful=False)

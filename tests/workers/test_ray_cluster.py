"""Workers on the nodes of a Ray cluster, of which one goes in the middle."""

import socket
import threading

import pytest
from worker_cases import ITEMS, BuildSums, content, update, worker_settings
from worker_faults import WorkerFaults

from pricefuse.errors import InputError
from pricefuse.workers import ray_cluster

pytestmark = pytest.mark.timeout(240)


class TestRayCluster(WorkerFaults):
    @pytest.fixture
    def settings(self, cluster):
        return worker_settings("ray", count=2, address=cluster.address)

    def test_a_node_that_goes_in_the_middle_changes_nothing(self, cluster, settings, tmp_path, faults, expected):
        folder, all_three = tmp_path / "there", settings.model_copy(update={"count": 3})
        gone = threading.Event()

        def remove():
            while not list(folder.glob("checkpoint-*.arrow")):
                gone.wait(0.02)
            cluster.remove()
            gone.set()

        threading.Thread(target=remove).start()
        update(folder, ITEMS, BuildSums(faults, pause_s=0.3), all_three)
        assert gone.is_set()
        cluster.add()
        cluster.wait_for_nodes()
        assert content(folder) == expected

    def test_a_cluster_without_room_is_an_error_that_says_what_it_has(self, settings, tmp_path, faults, monkeypatch):
        short = settings.model_copy(update={"start_s": 3.0})
        engine = ray_cluster.RayCluster.__init__

        def asks_too_much(self, *arguments, **options):
            engine(self, *arguments, **options)
            self._asks["num_cpus"] = 64

        monkeypatch.setattr(ray_cluster.RayCluster, "__init__", asks_too_much)
        with pytest.raises(InputError, match=r"no worker has started within 3 s\. The cluster has .*'CPU': 3.0"):
            update(tmp_path / "there", ITEMS, BuildSums(faults), short)


def test_one_worker_for_each_gpu(cluster):
    workers = ray_cluster.RayCluster(BuildSums, None, 2, cluster.address, public_address=False)
    try:
        assert workers.count == 3
    finally:
        workers.close()


def test_an_address_where_nobody_listens_is_an_error_at_once():
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(InputError, match=f"no Ray cluster lets this machine in at {address} .*refused"):
            ray_cluster.RayCluster(BuildSums, 1, 1, address, public_address=False)


def test_without_ray_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(ray_cluster, "ray", None)
    with pytest.raises(InputError, match="requirements-ray.txt"):
        ray_cluster.RayCluster(BuildSums, None, 2, None, public_address=False)

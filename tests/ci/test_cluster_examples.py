"""The examples in cluster/: Ray's version, options, security. head.sh runs here; Slurm and Kubernetes are not here."""

import os
import re
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest
import yaml
from paths import ROOT

CLUSTER = ROOT / "cluster"
SCRIPTS = sorted(CLUSTER.glob("*.sh"))
CLAIM, POLICY, RAY = yaml.safe_load_all((CLUSTER / "kuberay.yaml").read_text())
GROUPS = [RAY["spec"]["headGroupSpec"], *RAY["spec"]["workerGroupSpecs"]]


def pinned():
    return re.search(r"^ray==(\S+)", (ROOT / "requirements-ray.txt").read_text(), re.MULTILINE)[1]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_executable_and_bash_and_shellcheck_find_nothing_in_it(script):
    assert os.access(script, os.X_OK)
    for command in (["bash", "-n"], ["shellcheck"]):
        done = subprocess.run([*command, script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_ray_has_the_version_that_is_installed():
    assert RAY["spec"]["rayVersion"] == pinned()
    for path in [*CLUSTER.iterdir(), ROOT / "docs/scaling.md"]:
        assert {*re.findall(r"\b[Rr]ay(?:==| )(\d+\.\d+\.\d+)", path.read_text())} <= {pinned()}, path


def test_ray_start_has_the_options_that_are_used():
    pytest.importorskip("ray", reason="Ray is not installed: make ray")
    known = {option for command in ("start", "symmetric-run")
             for option in re.findall(r"--[a-z-]+", ray(command, "--help").stdout)}  # fmt: skip
    texts = [path.read_text() for path in SCRIPTS]
    lines = [
        line for text in texts for line in text.replace("\\\n", " ").splitlines() if re.match(r" *(ray|srun)\b", line)
    ]
    used = {option for line in lines for option in re.findall(r"--[a-z-]+", line[line.index("ray") :])}
    used |= {f"--{name}" for group in GROUPS for name in group["rayStartParams"]}
    assert used - {"--generate"} <= known  # of get-auth-token
    assert {"--head", "--address", "--min-nodes", "--include-dashboard", "--node-manager-port"} <= used


def test_only_the_clusters_own_pods_reach_it_and_they_ask_for_a_token():
    own = {"matchLabels": {"ray.io/cluster": RAY["metadata"]["name"]}}
    assert POLICY["spec"] == {
        "podSelector": own, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": own}]}]
    }  # fmt: skip
    assert "enableIngress" not in RAY["spec"]["headGroupSpec"]
    assert RAY["spec"]["headGroupSpec"]["rayStartParams"]["include-dashboard"] == "false"
    for group in GROUPS:
        (container,) = group["template"]["spec"]["containers"]
        assert {each["name"]: each.get("value") for each in container["env"]} == {
            "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": None
        }  # fmt: skip
        assert container["env"][2]["valueFrom"]["secretKeyRef"] == {"name": "pricefuse-ray", "key": "auth_token"}
        assert group["template"]["spec"]["securityContext"]["runAsNonRoot"]


def test_the_head_has_the_workers_kind_of_device_and_the_disk_and_all_have_one_image():
    containers = [group["template"]["spec"]["containers"][0] for group in GROUPS]
    assert len({container["image"] for container in containers}) == 1
    assert containers[0]["image"] in (CLUSTER / "Dockerfile").read_text()
    assert containers[0]["resources"] == containers[1]["resources"]
    (volume,) = GROUPS[0]["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == CLAIM["metadata"]["name"]
    # What KubeRay asks for liveness is a dashboard's agent: these are ports of Ray itself.
    ports = [container["livenessProbe"]["tcpSocket"]["port"] for container in containers]
    assert ports == [containers[0]["ports"][0]["containerPort"], int(GROUPS[1]["rayStartParams"]["node-manager-port"])]


@pytest.fixture
def job(tmp_path):
    """Return a function that runs slurm.sh in a checkout and returns what its one srun was given; the token it had."""
    for name, text in {
        ".venv/bin/activate": "PATH=$PWD/bin:$PATH\n",
        "bin/hostname": "#!/bin/sh\necho 10.0.0.5 172.17.0.1 fd00::5 ''\n",
        "bin/srun": '#!/bin/sh\necho "$@" > told\nenv > environment\nls -l "$RAY_AUTH_TOKEN_PATH" > token\n'
        'cat "$RAY_AUTH_TOKEN_PATH" >> token\nexit 7\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(**variables):
        slurm = {"SLURM_SUBMIT_DIR": str(tmp_path), "SLURM_JOB_ID": "123456", "SLURM_JOB_NUM_NODES": "2",
                 "SLURM_CPUS_PER_TASK": "32", "SLURM_GPUS_ON_NODE": "4"}  # fmt: skip
        env = {"PATH": os.environ["PATH"], **slurm, **variables}
        done = subprocess.run([CLUSTER / "slurm.sh"], env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (7, "")  # the pipeline's own status
        environment = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines())
        return (tmp_path / "told").read_text(), environment, (tmp_path / "token").read_text()

    return run


def test_a_slurm_job_has_a_port_and_a_token_of_its_own(job, tmp_path):
    told, environment, token = job()
    assert environment["RAY_ADDRESS"] == "10.0.0.5:23456"
    assert "ray symmetric-run --address 10.0.0.5:23456 --min-nodes 2 --num-cpus=32 --num-gpus=4" in told
    assert told.endswith(" -- make repro\n")
    assert environment["PRICEFUSE_WORKERS"] == "ray"
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    listed, secret = token.splitlines()
    assert listed.startswith("-rw-------")
    assert re.fullmatch("[0-9a-f]{64}", secret)
    assert secret not in told + str(environment)
    assert list((tmp_path / "tmp").iterdir()) == []  # it ends with the job


def test_the_network_of_a_slurm_job_can_be_chosen(job):
    assert job(NETWORK="172.", SLURM_JOB_ID="7")[1]["RAY_ADDRESS"] == "172.17.0.1:20007"


def ray(*arguments, **environment):
    return subprocess.run(
        ["ray", *arguments], env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def head(monkeypatch):
    """Run head.sh on the loopback address; return that address, and the home folder that it used."""
    pytest.importorskip("ray", reason="Ray is not installed: make ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
    with tempfile.TemporaryDirectory(
        prefix="ray", ignore_cleanup_errors=True
    ) as home:  # a short path: sockets are in it
        # As where Ray has no clusters: all of it is on the loopback address then.
        for name, value in {"HOME": home, "RAY_TMPDIR": home, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}.items():
            monkeypatch.setenv(name, value)
        try:
            subprocess.run([CLUSTER / "head.sh", address, str(port)], check=True, capture_output=True, timeout=120)
            yield f"{address}:{port}", Path(home)
        finally:
            own = [each for each in psutil.process_iter(["cmdline"]) if home in " ".join(each.info["cmdline"] or [])]
            for process in own:
                process.kill()
            psutil.wait_procs(own, timeout=20)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_cluster_that_the_script_starts_lets_in_whoever_has_the_token(head):
    address, home = head
    assert stat.S_IMODE((home / ".ray/auth_token").stat().st_mode) == 0o600
    assert ray("health-check", "--address", address, RAY_AUTH_MODE="token").returncode == 0
    for mistake in ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled"}):
        assert "InvalidAuthToken" in ray("health-check", "--address", address, **mistake).stderr

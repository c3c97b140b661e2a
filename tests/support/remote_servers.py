"""Real servers on the loopback interface that hold a DVC remote, and what lies on them, counted.

A listing is a dictionary: for every file its size, and what changes whenever somebody writes it, be it with the same
content. A file that is pushed again is a change, therefore, not only one that is new.
"""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

KEY_ID, SECRET = "the-teams-own", "not-for-git"


class FolderRemote:
    """A folder of this machine."""

    def __init__(self, folder):
        self.folder, self.url, self.endpoint, self.options = folder, str(folder), "", {}

    def listing(self):
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        stats = {path.relative_to(self.folder).as_posix(): path.stat() for path in files}
        return {name: (stat.st_size, stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


class SshRemote(FolderRemote):
    """A folder behind an OpenSSH server, which knows one key."""

    def __init__(self, folder, port, keyfile):
        super().__init__(folder)
        self.url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{folder}"
        self.options = {"keyfile": str(keyfile)}


class S3Remote:
    """A bucket that keeps every version of an object."""

    def __init__(self, endpoint):
        import boto3

        self.url, self.endpoint = "s3://prices/pricefuse", endpoint
        self.options = {"access_key_id": KEY_ID, "secret_access_key": SECRET}
        keys = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=endpoint, **keys)
        self.client.create_bucket(Bucket="prices")
        self.client.put_bucket_versioning(Bucket="prices", VersioningConfiguration={"Status": "Enabled"})

    def listing(self):
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket="prices")
        found = {}
        for version in (version for page in pages for version in page.get("Versions", [])):
            name = version["Key"].removeprefix("pricefuse/")
            size, *versions = found.get(name, (version["Size"],))
            found[name] = (size, *sorted([*versions, version["VersionId"]]))
        return found


def written(before, after):
    """Return the sizes in bytes of the files that were written between two listings, by their names."""
    return {name: entry[0] for name, entry in after.items() if before.get(name) != entry}


@contextmanager
def folder_remote(folder):
    yield FolderRemote(folder / "team")


@contextmanager
def s3_server(folder):
    """Run moto's S3 server, and yield a bucket of it."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed: no S3 server to test with")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port, folder / "moto.log"):
        yield S3Remote(f"http://127.0.0.1:{port}")


@contextmanager
def ssh_server(folder):
    """Run an OpenSSH server of its own, with its own keys, and yield a folder behind it."""
    search = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
    sshd, keygen = (shutil.which(name, path=search) for name in ("sshd", "ssh-keygen"))
    if not (sshd and keygen):
        pytest.skip("no OpenSSH server (sshd, ssh-keygen) on this machine: apt-get install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # root's sshd asks for it, as the service makes it
    for name in ("host", "key"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copyfile(folder / "key.pub", folder / "authorized")
    port = free_port()
    options = {
        "Port": port, "ListenAddress": "127.0.0.1", "HostKey": folder / "host", "PidFile": "none",
        "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no", "UsePAM": "no", "Subsystem": "sftp internal-sftp",
    }  # fmt: skip
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    with running([sshd, "-D", "-e", "-f", folder / "config"], port, folder / "sshd.log"):
        yield SshRemote(folder / "data", port, folder / "key")


SERVERS = {"folder": folder_remote, "s3": s3_server, "ssh": ssh_server}


@contextmanager
def http_server(folder):
    """Serve `folder` over HTTP, as a read-only remote; yield its URL and the names of the files that were fetched."""
    fetched = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            fetched.append(self.path.removeprefix("/"))
            super().do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", fetched
        server.shutdown()


@contextmanager
def running(command, port, log):
    """Run a server until the block ends; it starts when it answers on `port`."""
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            while not answers(port):
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True

"""What a test run makes once, however many processes run its tests."""

import fcntl
import os
import shutil


def once(tmp_path_factory, name, make):
    """Return a folder that `make(folder)` filled: the first who asks makes it, other processes wait for it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a test that failed here
            folder.mkdir()
            make(folder)
            done.touch()
    return folder

"""The pipeline after an undisturbed run on the smallest demo catalog, shared by all processes that run tests."""

import shutil

from once import once
from workspace import Workspace

TINY = {
    "demo.train_products": 60,
    "demo.test_products": 10,
    "embed_gemma.chunk_tokens": 64,
    "fuse.folds": 2,
    "lexical.seeds": [0],
    "lexical.min_steps": 40,
    "boosted.inner_folds": 2,
    "boosted.landmarks": 32,
    "boosted.max_rounds": 20,
    "evaluate.bootstrap_samples": 100,
    "report.gallery": 2,
    "report.permuted_rows": 20,
}


def finished_pipeline(tmp_path_factory, write_params):
    """Return the workspace in which the pipeline ran with TINY, committed. Nobody may change it, but take a copy.

    The first test that asks for it runs the pipeline; other processes of the same test run wait for it.
    """

    def run(folder):
        workspace = Workspace(folder, write_params, TINY)
        workspace("dvc", "repro")
        workspace.commit()

    return _workspace(once(tmp_path_factory, "finished_pipeline", run))


def copied(finished, folder):
    """Return a workspace in `folder` of its own, with the results and the cache of a finished one."""
    return _workspace(shutil.copytree(finished.folder, folder, symlinks=True))


def _workspace(folder):
    workspace = Workspace.__new__(Workspace)
    workspace.folder = folder
    return workspace

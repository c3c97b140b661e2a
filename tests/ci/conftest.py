"""Two versions of a project on a git host and a DVC remote; made results stand for those of a run of minutes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkout import Checkout
from dvc.repo import Repo
from paths import ROOT

from pricefuse.metrics import smape


class Versions:
    """A repository whose branch `better` changes a parameter and predicts better than `main`, and what both push to."""

    def __init__(self, folder):
        (folder / "work").mkdir()
        self.git, self.dvc, self.work = folder / "git", folder / "dvc", Checkout(folder / "work")
        with (folder / "work/.dvc/config").open("a") as file:
            file.write("    remote = team\n['remote \"team\"']\n    url = /is/in/the/secret\n")
        self.secret = f"['remote \"team\"']\n    url = {self.dvc}\n"
        (folder / "work/.dvc/config.local").write_text(self.secret)
        self.record(spread=0.4)
        self.work("git", "checkout", "-qb", "better")
        params = folder / "work/params.yaml"
        params.write_text(params.read_text().replace("  landmarks: ", "  landmarks: 1", 1))
        self.record(spread=0.2)
        self.work("git", "clone", "-q", "--bare", ".", str(self.git))

    def record(self, spread):
        """Commit results with errors of this spread of ln price, as if the stages had written them."""
        folder = self.work.folder
        with Repo(str(folder)) as repo:
            stages = [stage for stage in repo.index.stages if not stage.addressing.startswith("learning_curve")]
            for path in (Path(out.fs_path) for stage in stages for out in stage.outs):
                if not path.is_relative_to(folder / "metrics") and path.parent != folder / "demo":
                    file = path if path.suffix else path / "part.txt"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(f"made: {spread}\n")
        self.predict(spread)
        self.work("dvc", "commit", "--force", "dvc.yaml", "demo/dvc.yaml")
        self.work("dvc", "push")
        self.work.commit()

    def predict(self, spread):
        """Write what two versions are compared by, the score and the model card."""
        rng = np.random.default_rng(0)
        price = rng.lognormal(3, 1, 200)
        rows = np.arange(200)
        table = pd.DataFrame({"sample_id": rows.astype(str), "group": rows, "fold": rows % 2, "price": price})
        table["predicted"] = price * np.exp(spread * rng.normal(size=200))
        table.to_parquet(self.work.folder / "data/validation/out_of_fold.parquet")
        scores = json.loads((ROOT / "metrics/scores.json").read_text())
        scores["smape"] = round(smape(price, table["predicted"].to_numpy()), 4)
        (self.work.folder / "metrics/scores.json").write_text(json.dumps(scores))
        (self.work.folder / "models/price_model/README.md").write_text(f"# Price model with spread {spread}\n")

    def clone(self, folder, revision="main"):
        """Check `revision` out as GitHub does for a job: with all branches, without data."""
        self.work("git", "clone", "-q", "-b", revision, str(self.git), str(folder))
        return folder


@pytest.fixture(scope="session")
def versions(tmp_path_factory):
    return Versions(tmp_path_factory.mktemp("versions"))

"""Experiments on the demo: run here, elsewhere and from a queue, shown, compared, applied, branched and shared."""

import json
import re
import time

import pytest
from finished_pipeline import copied, finished_pipeline
from workspace import Workspace, stages_run

from pricefuse.models.price_model import PriceModel

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

COMMAND = ("python", "-c", "from pricefuse.cli.app import main; main()")
UP_TO_DATE = "Data and pipelines are up to date.\n"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, write_params):
    """Return a finished pipeline with a remote of git and one of DVC. Its tests run in order, each on what is there."""
    folder = tmp_path_factory.mktemp("experiments")
    workspace = copied(finished_pipeline(tmp_path_factory, write_params), folder / "repository")
    workspace("git", "init", "-q", "--bare", str(folder / "git"))
    workspace("git", "remote", "add", "origin", str(folder / "git"))
    workspace("dvc", "remote", "add", "-q", "-d", "team", str(folder / "dvc"))
    workspace.commit()
    workspace("git", "push", "-q", "origin", "HEAD")
    yield workspace
    workspace("dvc", "queue", "stop", "--kill")


def restore(workspace):
    """Bring the workspace back to the commit from which all experiments start."""
    workspace("git", "checkout", "-q", ".")
    workspace("dvc", "checkout", "-q")


def shown(workspace):
    """Return the table of `pricefuse experiments` on a terminal of 120 columns, a list of words for each line."""
    lines = workspace("env", "COLUMNS=120", *COMMAND, "experiments").splitlines()
    assert max(map(len, lines)) <= 120, lines
    return [re.split(r"\s{2,}", line) for line in lines]


def test_a_changed_parameter_runs_only_what_depends_on_it(workspace):
    printed = workspace("dvc", "exp", "run", "-S", "boosted.landmarks=16", "-n", "coarse", "evaluate")
    assert stages_run(printed) == ["train@boosted", "ensemble", "evaluate"]
    changed = json.loads(workspace("dvc", "params", "diff", "--json"))
    assert changed == {"params.yaml": {"boosted.landmarks": {"old": 32, "new": 16, "diff": -16}}}
    assert "smape" in json.loads(workspace("dvc", "metrics", "diff", "--json"))["metrics/scores.json"]
    back = workspace("dvc", "exp", "run", "-S", "boosted.landmarks=32", "-n", "back", "evaluate")
    assert stages_run(back) == ["evaluate"]  # whose figures are in git; the run-cache holds everything else
    restore(workspace)


def test_an_experiment_in_a_folder_of_its_own_leaves_the_workspace_alone(workspace):
    printed = workspace("dvc", "exp", "run", "--temp", "-S", "clean.lowercase=true", "-n", "lower", "clean")
    assert stages_run(printed) == ["demo/dvc.yaml:demo", "clean"]  # the demo is never in DVC's cache
    assert workspace("git", "status", "--short") == ""


def test_a_member_that_is_left_out_fits_nothing_anew(workspace):
    printed = workspace("dvc", "exp", "run", "-S", "train.members=[boosted]", "-n", "trees", "evaluate")
    assert stages_run(printed) == ["ensemble", "evaluate"]
    assert set(PriceModel.load(workspace.folder / "models/price_model").members) == {"boosted"}
    assert workspace("dvc", "status", "--with-deps", "evaluate") == UP_TO_DATE
    restore(workspace)


def test_a_queue_runs_several_values(workspace):
    queued = workspace("dvc", "exp", "run", "--queue", "-S", "evaluate.confidence=0.5,0.8", "-n", "sure", "evaluate")
    assert re.findall(r"Queued experiment '(.+)'", queued) == ["sure-1", "sure-2"]
    waiting = {line[0]: line[-1] for line in shown(workspace) if line[1] == "queued"}
    assert waiting == {"sure-1": "evaluate.confidence 0.95 -> 0.5", "sure-2": "evaluate.confidence 0.95 -> 0.8"}
    workspace("dvc", "queue", "start")
    wait_for(workspace, {"sure-1", "sure-2"})
    for name in waiting:
        assert stages_run(workspace("dvc", "queue", "logs", name)) == ["demo/dvc.yaml:demo", "ensemble", "evaluate"]


def wait_for(workspace, names):
    """Wait until the experiments of a queue have ended well, and are refs of git."""
    for _ in range(600):
        if names <= {ref.rpartition("/")[2] for ref in workspace("git", "for-each-ref", "refs/exps").split()}:
            return
        time.sleep(0.2)
    pytest.fail(workspace("dvc", "queue", "status"))


def test_the_table_of_experiments_fits_a_terminal_and_says_what_each_is_worth(workspace):
    header, commit, *experiments = shown(workspace)
    assert header == ["experiment", "state", "SMAPE", "interval", "change", "changed parameters"]
    smape = json.loads((workspace.folder / "metrics/scores.json").read_text())["smape"]
    assert float(commit[1]) == pytest.approx(smape, abs=0.005)
    assert {name: changed for name, _, _, _, _, *changed in experiments} == {
        "back": [],
        "coarse": ["boosted.landmarks 32 -> 16"],
        "lower": ["clean.lowercase false -> true"],
        "trees": ["train.members [lexical, boosted] -> [boosted]"],
        "sure-1": ["evaluate.confidence 0.95 -> 0.5"],
        "sure-2": ["evaluate.confidence 0.95 -> 0.8"],
    }
    widths = {}
    for name, state, score, interval, change, *_ in experiments:
        assert state == "done"
        assert float(change) == pytest.approx(float(score) - smape, abs=0.011)
        low, high = map(float, interval.split(" to "))
        assert low < float(score) < high
        widths[name] = high - low
    assert widths["sure-1"] < widths["sure-2"] < widths["back"]
    assert float(dict(line[:5:4] for line in experiments)["trees"]) != 0


def test_the_columns_of_dvcs_own_table_are_too_many_for_a_terminal(workspace):
    """Should this fail one day, `pricefuse experiments` is no longer needed."""
    table = workspace("dvc", "exp", "show", "--only-changed", "--md")
    assert len(table.splitlines()[0]) > 240
    assert len(workspace("dvc", "exp", "show", "--csv").splitlines()[0].split(",")) > 100


def test_two_experiments_are_compared(workspace):
    compared = workspace(*COMMAND, "compare", "coarse", "trees")
    assert re.search(r"^difference [+-]\d+\.\d\d \(95% interval .*, 60 products in \d+ groups$", compared, re.MULTILINE)


def test_an_applied_experiment_is_the_state_of_the_workspace(workspace):
    workspace("dvc", "exp", "apply", "coarse")
    assert "landmarks: 16" in (workspace.folder / "params.yaml").read_text()
    assert workspace("dvc", "status", "--with-deps", "evaluate") == UP_TO_DATE
    assert shown(workspace)[2][0] == "workspace"
    restore(workspace)


def test_a_branch_of_an_experiment_has_its_parameters_and_its_lock(workspace):
    workspace("dvc", "exp", "branch", "coarse", "coarse-kernel")
    changed = workspace("git", "diff", "--name-only", "HEAD", "coarse-kernel").split()
    assert {"params.yaml", "dvc.lock", "metrics/scores.json"} <= {*changed}
    assert "landmarks: 16" in workspace("git", "show", "coarse-kernel:params.yaml")


def test_a_team_mate_gets_an_experiment_with_its_data_and_compares_it(workspace, tmp_path):
    workspace("dvc", "exp", "push", "origin", "coarse", "trees")
    mate = Workspace.clone(workspace, tmp_path / "clone", "mate")
    mate("git", "remote", "set-url", "origin", workspace("git", "remote", "get-url", "origin").strip())
    assert "coarse" in mate("dvc", "exp", "list", "origin")
    mate("dvc", "exp", "pull", "origin", "coarse", "trees")
    assert "60 products" in mate(*COMMAND, "compare", "coarse", "trees")
    mate("dvc", "exp", "apply", "coarse")
    assert "landmarks: 16" in (mate.folder / "params.yaml").read_text()
    assert set(PriceModel.load(mate.folder / "models/price_model").members) == {"lexical", "boosted"}

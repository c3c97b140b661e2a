"""params.yaml: the committed file is valid, and a slip in any section is told with its place."""

import pytest
from paths import ROOT

from pricefuse.errors import InputError
from pricefuse.pipeline.params import read_params

TEXT = (ROOT / "params.yaml").read_text()


def test_the_committed_file_is_valid():
    params = read_params(ROOT / "params.yaml")
    assert params.simple_nn.learning_rate == 0.002
    assert params.download.max_pixels == 50_000_000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  learning_rate:",
            "  learning_rat:",
            r"simple_nn\.learning_rate: Field required.*simple_nn\.learning_rat: Extra inputs",
        ),
        ("catalog: demo", "catalog: ../secrets", r"catalog: String should match"),
        ("folds: 5", "folds: 1", r"fuse\.folds: .*greater than or equal to 2 \(found 1\)"),
        ("learning_rate: 2e-3", "learning_rate: .nan", r"simple_nn\.learning_rate: Input should be a finite number"),
        (
            "hidden: [1024, 512, 256, 64, 32]",
            "hidden: [64, 32]",
            r"simple_nn: .*batch_norm has 5 entries, but hidden has 2",
        ),
        ("[gemma, clip_text", "[gemma, gemma", r"fuse\.blocks: .*named twice"),
        ("seeds: [0, 1]", "seeds: [1, 1]", r"simple_nn\.seeds: .*named twice"),
        ("target: log ", "target: sqrt ", r"train\.target: Input should be 'log' or 'log1p'"),
        ("evaluate:", "evaluation:", r"evaluate: Field required.*evaluation: Extra inputs"),
        ("catalog: demo", "catalog: [demo", r"not valid YAML"),
    ],
)
def test_a_slip_is_refused_with_its_place(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_params(path)


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(InputError, match="Run from the repository's top folder"):
        read_params(tmp_path / "params.yaml")

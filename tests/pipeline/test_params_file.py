"""params.yaml under DVC's hands: what `dvc exp run -S` and `exp apply` rewrite stays as a person left it."""

import json
import subprocess

from pricefuse.pipeline.params_file import editing
from pricefuse.pipeline.profiles import use
from pricefuse.pipeline.yaml_loader import load_yaml

import pytest
from dvc.utils.hydra import apply_overrides
from paths import ROOT

from pricefuse.errors import InputError

PARAMS = ROOT / "params.yaml"
ANY_LENGTH = ("catalog", "embed_gemma.model", "embed_gemma.revision", "embed_gemma.prompt", "embed_clip.model")


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(PARAMS.read_bytes())
    return path


def values():
    flat = {}
    for section, content in load_yaml(PARAMS).items():
        own = {f"{section}.{key}": value for key, value in content.items()} if isinstance(content, dict) else {}
        flat |= own or {section: content}
    return flat


def another(name, value):
    if name in ANY_LENGTH:
        return "somebody/some-model-with-a-long-name/and-a-revision-of-40-digits"
    if isinstance(value, list):
        return [*value, *value, 7]
    return {bool: not value, str: "one_cycle"}.get(type(value), f"{value}1")


def overrides(changed):
    return [f"{name}={json.dumps(value)}" for name, value in changed.items()]


def test_every_parameter_set_by_dvc_and_set_back_leaves_the_file_as_it_was(params):
    before = values()
    changed = {name: another(name, value) for name, value in before.items()}
    for _ in range(3):
        apply_overrides(str(params), overrides(changed))
        assert params.read_bytes() != PARAMS.read_bytes()
        apply_overrides(str(params), overrides(before))
        assert params.read_text() == PARAMS.read_text()


def test_dvc_changes_the_lines_of_a_value_alone(params):
    apply_overrides(str(params), ["train.members=[boosted]"])
    before, after = PARAMS.read_text().splitlines(), params.read_text().splitlines()
    before.remove("  - lexical")
    assert after == before


@pytest.mark.parametrize("profile", ["seed", "challenge"])
def test_a_profile_is_written_as_dvc_writes_it(params, profile):
    use(ROOT / "profiles" / f"{profile}.yaml", params)
    written = params.read_text()
    width = load_yaml(params)["lexical"]["width"]
    apply_overrides(str(params), ["lexical.width=7"])
    apply_overrides(str(params), [f"lexical.width={width}"])
    assert params.read_text() == written


@pytest.mark.slow
def test_three_experiments_and_their_return_leave_the_file_as_it_was(tmp_path, params):
    def run(*command):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "dvc.yaml").write_text("stages: {trivial: {cmd: 'true', params: [lexical.width, train.members]}}\n")
    run("git", "init", "-q")
    run("git", "config", "user.name", "test")
    run("git", "config", "user.email", "test@example.com")
    run("dvc", "init", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "state")
    run("dvc", "exp", "run", "-n", "narrow", "-S", "lexical.width=32", "-S", "train.members=[boosted]")
    run("dvc", "exp", "run", "-n", "back", "-S", "lexical.width=64", "-S", "train.members=[lexical,boosted]")
    assert params.read_text() == PARAMS.read_text()
    run("dvc", "exp", "apply", "narrow")
    assert params.read_text() != PARAMS.read_text()
    run("dvc", "exp", "apply", "back")
    assert params.read_text() == PARAMS.read_text()


def test_a_value_that_the_pipeline_refuses_changes_nothing(params):
    with pytest.raises(InputError, match=r"params.yaml with a test: fuse.folds: .*\(found 1\)"):  # noqa: SIM117
        with editing(params, "a test") as document:
            document["fuse"]["folds"] = 1
    assert params.read_bytes() == PARAMS.read_bytes()
    assert list(params.parent.iterdir()) == [params]


@pytest.mark.parametrize(("text", "message"), [("[1", "not valid YAML"), ("", "not a file of sections")])
def test_a_file_that_holds_no_parameters_is_refused(params, text, message):
    params.write_text(text)
    with pytest.raises(InputError, match=message), editing(params, "a test"):
        pass

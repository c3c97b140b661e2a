"""dvc.yaml against the code and the parameters that it names."""

import pytest
import yaml
from closure import import_closure
from paths import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = PIPELINE["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
NAMES = ["demo", "clean", "download", "embed_gemma", "embed_clip", "fuse", "train", "evaluate", "predict"]
NAMES.append("learning_curve")
STAGE_OF = {"simple_nn": "train", "lexical": "train", "boosted": "train"}  # a section of params.yaml for each member


def test_the_stages_have_the_names_that_the_design_promises():
    assert sorted(STAGES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_stages_code_dependencies_are_exactly_what_its_script_imports(name):
    declared = {path for path in STAGES[name]["deps"] if path.endswith(".py")}
    assert declared == import_closure(ROOT / "stages" / f"{name}.py")


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_says_what_it_does_and_names_its_parameters_one_by_one(name):
    assert STAGES[name]["desc"]
    for dotted in STAGES[name].get("params", []):
        value = PARAMS
        for part in dotted.split("."):
            value = value[part]
        assert not isinstance(value, dict), f"{dotted} is a whole section: a new key in it would re-run the stage"


@pytest.mark.parametrize("section", [name for name, value in PARAMS.items() if isinstance(value, dict)])
def test_every_parameter_of_a_section_re_runs_its_stage(section):
    expected = {f"{section}.{key}" for key in PARAMS[section]}
    assert {
        name for name in STAGES[STAGE_OF.get(section, section)]["params"] if name.startswith(f"{section}.")
    } == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_path_on_the_command_line_is_a_declared_dependency_or_output(name):
    stage = STAGES[name]
    declared = set()
    for kind in ("deps", "outs", "metrics"):
        declared |= {path if isinstance(path, str) else next(iter(path)) for path in stage.get(kind, [])}
    for word in stage["cmd"].split():
        if word.startswith(("data/", "models/", "metrics/")):
            assert word in declared or any(path.startswith(f"{word}/") for path in declared), word


def test_the_row_wise_stages_keep_their_output_and_the_others_do_not():
    persistent = {
        path
        for stage in STAGES.values()
        for out in stage.get("outs", [])
        if isinstance(out, dict)
        for path, options in out.items()
        if options.get("persist")
    }
    assert persistent == {
        "data/images",
        "data/embeddings/gemma",
        "data/embeddings/clip_text",
        "data/embeddings/clip_image",
    }

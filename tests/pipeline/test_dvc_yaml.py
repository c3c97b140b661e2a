"""dvc.yaml against the code and the parameters that it names."""

import importlib.util
import json

from pricefuse.pipeline.params import PRICING

import pytest
import yaml
from closure import code_dependencies
from paths import ROOT

from pricefuse.evaluation.style import SERIES

MAIN = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CURVE = yaml.safe_load((ROOT / "learning_curve/dvc.yaml").read_text())["stages"]
DEMO = yaml.safe_load((ROOT / "demo/dvc.yaml").read_text())["stages"]
STAGES = DEMO | MAIN | CURVE
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
MEMBERS = ("simple_nn", "lexical", "boosted")
NAMES = ["clean", "download", "embed_gemma", "embed_clip", "fuse", "train", "ensemble", "evaluate", "predict", "report"]


def paths(stage, *kinds):
    return {
        path if isinstance(path, str) else next(iter(path)) for kind in kinds for path in STAGES[stage].get(kind, [])
    }


def test_the_stages_have_the_names_that_the_design_promises():
    assert list(MAIN) == NAMES
    assert list(CURVE) == ["learning_curve"]
    assert list(DEMO) == ["demo"]


def test_the_pipeline_can_be_read():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 200


@pytest.mark.parametrize("name", STAGES)
def test_a_stages_code_dependencies_are_the_packages_that_its_script_imports(name):
    declared = {path for path in paths(name, "deps") if path.startswith(("src/", "stages/"))}
    assert declared == code_dependencies(ROOT / "stages" / f"{name}.py")


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_says_what_it_does_and_depends_on_its_own_section_whole(name):
    assert STAGES[name]["desc"]
    named = STAGES[name].get("params", [])
    own = {"train": "${item.member}"}.get(name, name)
    assert own is None or own in named
    # The curve may be that of any member; the price model carries the recipe by which new products are priced.
    whole = {own, *{"learning_curve": MEMBERS, "ensemble": PRICING}.get(name, ())}
    for dotted in named:
        value = PARAMS
        for part in () if "$" in dotted else dotted.split("."):
            value = value[part]
        assert not isinstance(value, dict) or dotted in whole or "$" in dotted, (
            f"{dotted}: another stage's whole section"
        )


def test_each_member_depends_on_its_own_section_and_what_members_share():
    assert MAIN["train"]["matrix"] == {"member": "${train.members}"}
    shared = {name for name in MAIN["train"]["params"] if name.startswith("train.")}
    assert shared == {f"train.{key}" for key in PARAMS["train"] if key != "members"}
    assert "train.members" in MAIN["ensemble"]["params"]


@pytest.mark.parametrize("name", ["train", "ensemble", "learning_curve"])
def test_a_row_to_be_priced_is_no_dependency_of_a_fit(name):
    assert "data/fused/train" in paths(name, "deps")
    assert not paths(name, "deps") & {"data/fused", "data/fused/test"}


@pytest.mark.parametrize("name", STAGES)
def test_every_path_on_the_command_line_is_a_declared_dependency_or_output(name):
    declared = paths(name, "deps", "outs", "metrics")
    for word in STAGES[name]["cmd"].split():
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


def test_the_metrics_that_dvc_shows_fit_a_terminal(capsys):
    from dvc.compare import show_metrics

    assert [path for stage in STAGES for path in paths(stage, "metrics")] == ["metrics/scores.json"]
    spec = importlib.util.spec_from_file_location("evaluate", ROOT / "stages/evaluate.py")
    evaluate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluate)
    numbers = dict.fromkeys(evaluate.HEADLINE, -123.4567) | {"n": 75_000}
    show_metrics({"": {"data": {"metrics/scores.json": {"data": numbers}}}}, precision=6)
    lines = capsys.readouterr().out.splitlines()
    assert "smape_of_median" in lines[0]
    assert max(map(len, lines)) <= 120, lines


def test_every_template_of_dvc_plots_is_there_and_has_the_figures_colors():
    plots = [*yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]]
    plots += yaml.safe_load((ROOT / "learning_curve/dvc.yaml").read_text())["plots"]
    named = {options["template"] for plot in plots if isinstance(plot, dict) for options in plot.values()}
    templates = {path.stem: json.loads(path.read_text()) for path in (ROOT / ".dvc/plots").glob("*.json")}
    assert set(templates) == named
    for name, template in templates.items():
        colors = [
            layer["encoding"]["color"] for layer in template.get("layer", [template]) if "color" in layer["encoding"]
        ]
        assert [color["scale"]["range"] for color in colors] == [list(SERIES)], name

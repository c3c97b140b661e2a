"""Exit statuses: DVC takes 0 for done, so that nothing else may end with it."""

import ast
import errno
import signal
import subprocess
import sys
import time

from pricefuse.pipeline import stage

import pytest
from paths import ROOT

from pricefuse.errors import InputError
from pricefuse.files import replacing, write_json


def fails(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("train.csv, row 3: no price"), 1, "error: train.csv, row 3: no price"),
        (KeyboardInterrupt(), 130, "interrupted: run `dvc repro` again"),
        (
            OSError(errno.ENOSPC, "No space left", "part-00000.parquet"),
            1,
            "no space left on the disk or within its limits (part-00000.parquet)",
        ),
    ],
)
def test_what_the_user_can_correct_is_one_message_and_not_a_success(capsys, error, status, message):
    with pytest.raises(SystemExit) as left:
        stage.run(fails(error))
    assert left.value.code == status
    assert message in capsys.readouterr().err


def test_defects_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        stage.run(fails(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("sent", "status", "message"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_stage_script_ended_by_a_signal_cleans_up_and_says_so_in_one_line(tmp_path, sent, status, message):
    script = tmp_path / "slow.py"
    script.write_text(
        "import time\n"
        "from pathlib import Path\n"
        "from pricefuse.files import replacing\n"
        "from pricefuse.pipeline import stage\n"
        "def main():\n"
        "    with replacing(Path('table.csv')) as temporary:\n"
        "        temporary.write_text('half')\n"
        "        print('on', flush=True)\n"
        "        time.sleep(30)\n"
        "stage.run(main)\n"
    )
    process = subprocess.Popen(
        [sys.executable, script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores interrupts, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads are running here
    )
    assert process.stdout.readline() == "on\n"
    time.sleep(0.1)
    process.send_signal(sent)
    assert process.communicate()[1] == f"{message}: run `dvc repro` again to go on from here\n"
    assert process.returncode == status
    assert list(tmp_path.iterdir()) == [script]


def interrupt(folder, script):
    """Run `script` in `folder`, and interrupt it as soon as it has printed a line."""
    (folder / "script.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads are running here
    )
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGINT)
    return process.communicate()[1], process.returncode


def test_an_interrupt_while_packages_are_imported_is_one_line(tmp_path):
    (tmp_path / "heavy.py").write_text("import time\nprint('on', flush=True)\ntime.sleep(30)\n")
    said, status = interrupt(tmp_path, "from pricefuse.pipeline import stage\nimport heavy\n")
    assert (said, status) == ("interrupted: run `dvc repro` again to go on from here\n", 130)


@pytest.mark.parametrize("script", sorted((ROOT / "stages").glob("*.py")), ids=lambda path: path.stem)
def test_a_stage_script_imports_the_handling_of_interrupts_before_what_takes_long(script):
    modules = [node for node in ast.parse(script.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [getattr(node, "module", None) or node.names[0].name for node in modules]
    before = names[: names.index("pricefuse.pipeline")]
    assert set(before) <= sys.stdlib_module_names


def test_the_handling_of_interrupts_imports_nothing_that_takes_long():
    code = "import sys; import pricefuse.pipeline.stage; print(*{name.split('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    before = subprocess.run(
        [sys.executable, "-c", "import sys; print(*{name.split('.')[0] for name in sys.modules})"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert set(found) - set(before) - sys.stdlib_module_names == {"pricefuse"}


def test_other_defects_before_a_stage_runs_keep_their_traceback(tmp_path):
    (tmp_path / "script.py").write_text("from pricefuse.pipeline import stage\n1 / 0\n")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_finished_stage_leaves_the_handling_of_signals_as_it_was():
    before = signal.getsignal(signal.SIGTERM)
    stage.run(lambda: None)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_bad_catalog_stops_the_stage_with_one_line(tmp_path, run_stage, write_params):
    write_params(tmp_path, {})
    done = run_stage(
        "clean", tmp_path, "--catalog", "none", "--products", "p.parquet", "--attributes", "a.parquet", check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: none: no such catalog folder")
    assert done.stderr.count("\n") == 1


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "scores.json"
    write_json(path, {"smape": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"smape": float("nan")})
    with pytest.raises(RuntimeError), replacing(path) as temporary:  # noqa: PT012 - the block is what is tested
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == '{\n  "smape": 1.5\n}\n'
    assert list(tmp_path.iterdir()) == [path]

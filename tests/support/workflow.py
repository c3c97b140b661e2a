"""The shell steps of a GitHub workflow, run as a runner would: by bash, with the variables that GitHub gives them."""

import re
import subprocess

import yaml
from paths import ROOT
from workspace import ENVIRONMENT

FOLDER = ROOT / ".github/workflows"
# Nothing is fetched: what is installed must be what the step asks for.
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def workflows():
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.iterdir())}


def shell_steps(workflow, job):
    """Return the steps of a job that run shell code, by their names."""
    return {step["name"]: step for step in workflows()[workflow]["jobs"][job]["steps"] if "run" in step}


class Runner:
    """Runs the steps of one job in `folder`. `context` gives the values of the expressions that their `env` names."""

    def __init__(self, workflow, job, folder, temporary, context):
        self.steps = shell_steps(workflow, job)
        self.folder, self.context = folder, context
        self.job_env = workflows()[workflow]["jobs"][job].get("env", {})
        self.summary = temporary / "summary.md"
        temporary.mkdir()
        self.env = ENVIRONMENT | OFFLINE | {
            "CI": "true",
            "GITHUB_BASE_REF": "main",
            "GITHUB_REPOSITORY": "team/pricefuse",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "RUNNER_TEMP": str(temporary),
        }  # fmt: skip

    def __call__(self, name):
        """Run a step; return its exit status and what it printed."""
        step = self.steps[name]
        variables = {key: self.value(value) for key, value in (self.job_env | step.get("env", {})).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder, env=self.env | variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def value(self, text):
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: self.context[found[1]], str(text))

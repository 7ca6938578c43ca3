"""Runs the shell steps of the workflows' jobs as GitHub would, against the environment `local` in the local cloud, which
is up. Actions are left out: they fetch the sources, the tool and credentials, all of which are here.

    .ci/workflows.py FOLDER_OF_THE_TOOL
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
# What an expression in a step's `env` is here. One that is not known fails.
HERE = {
    "github.token": "token",
    "github.event.pull_request.head.sha": "0123456789abcdef0123456789abcdef01234567",
    "github.event.pull_request.number": "7",
    "inputs.name": "local",
    "inputs.unprotect && '--unprotect' || ''": "--unprotect",
    "inputs.from": "",
    "inputs.release": "",
    # The image here is a program: nothing is built that could be kept.
    "inputs.from == '' && 'type=gha' || ''": "",
}
# Which condition of a step holds here, by what the job needs. One that is not known fails.
CONDITIONS = {
    None: lambda needs: True,
    "github.event_name == 'workflow_dispatch'": lambda needs: True,
    "!inputs.older": lambda needs: True,
    "needs.plan.outputs.up == 'true'": lambda needs: needs["plan"]["up"] == "true",
    "always() && needs.plan.outputs.region != ''": lambda needs: needs["plan"]["region"] != "",
}
# Stands in for GitHub: keeps the comments of one pull request in files.
GH = """#!/usr/bin/env bash
set -euo pipefail
echo "gh $*" >>"$COMMENTS/calls"
case $* in
    *--paginate*) if [ -f "$COMMENTS/1" ]; then echo 1; fi ;;
    *compare/*) echo "${COMPARED:-ahead}" ;;
    *body=@*/comment.md*) cp "$RUNNER_TEMP/comment.md" "$COMMENTS/1" ;;
    *) echo "unexpected: gh $*" >&2; exit 1 ;;
esac
"""


class Job:
    def __init__(self, workflow, name, tool, scratch, needs=None):
        self.needs = needs or {}
        self.steps = yaml.safe_load((ROOT / ".github/workflows" / f"{workflow}.yaml").read_text())["jobs"][name]["steps"]
        self.name = f"{workflow}/{name}"
        self.scratch = scratch
        self.outputs = {}
        self.environment = {
            **os.environ,
            "PATH": f"{scratch}:{tool}:{os.environ['PATH']}",
            "COMMENTS": str(scratch),
            "RUNNER_TEMP": str(scratch),
            "PROVISIONER_ENV": "local",
            "GITHUB_REPOSITORY": "owner/repository",
            "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
            "GITHUB_OUTPUT": str(scratch / "output"),
            "GITHUB_STEP_SUMMARY": str(scratch / "summary"),
        }

    def value(self, text):
        """A value of `env` with its expressions replaced."""

        def replace(match):
            expression = match.group(1)
            output = re.fullmatch(r"steps\.(\w+)\.outputs\.(\w+)", expression)
            return self.outputs[output.groups()] if output else HERE[expression]

        return re.sub(r"\$\{\{ (.*?) \}\}", replace, str(text))

    def run(self):
        for step in self.steps:
            if "run" not in step or not CONDITIONS[step.get("if")](self.needs):
                continue
            assert "${{" not in step["run"], f"{self.name}: an expression inside of a script can become code"
            print(f"--- {self.name}: {step.get('name', step['run'])}", flush=True)
            variables = {key: self.value(value) for key, value in step.get("env", {}).items()}
            output = self.scratch / "output"
            output.write_text("")
            # As GitHub's runner does without a `shell:`.
            command = ["bash", "-e", "-c", step["run"]]
            subprocess.run(command, cwd=self.scratch / "project", env={**self.environment, **variables}, check=True)
            for line in output.read_text().splitlines():
                key, _, value = line.partition("=")
                self.outputs[step.get("id"), key] = value
        return self

    def output(self):
        """What other jobs see of this one, whose outputs are called as its steps'."""
        return {key: value for (_, key), value in self.outputs.items()}


def copy(scratch):
    """The project, with environment files that can be changed."""
    project = scratch / "project"
    project.mkdir()
    for entry in ROOT.iterdir():
        if entry.name == "environments":
            shutil.copytree(entry, project / entry.name)
        else:
            (project / entry.name).symlink_to(entry)
    return project


def bring(tool, scratch):
    """Runs the workflow for one environment. Returns its plan's outputs, and its deploy."""
    plan = Job("environment", "plan", tool, scratch).run().output()
    return plan, Job("environment", "deploy", tool, scratch, {"plan": plan}).run()


def main():
    tool = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "gh").write_text(GH)
        (scratch / "gh").chmod(0o755)
        project = copy(scratch)
        Job("plan", "plan", tool, scratch).run()
        first = (scratch / "1").read_text()
        Job("plan", "plan", tool, scratch).run()
        assert (scratch / "1").read_text().startswith("<!-- provisioner plan local -->\n"), first
        assert "PATCH" in (scratch / "calls").read_text(), "the second comment replaces the first"
        plan, deploy = bring(tool, scratch)
        assert plan["up"] == "false" and plan["arm64"] == "false", plan
        assert deploy.outputs["summary", "url"].startswith("http://"), deploy.outputs
        first = int(deploy.outputs["summary", "release"])
        assert "local" in (scratch / "summary").read_text()
        # More than a new revision: what was planned is done, and then there is nothing left.
        file = project / "environments/local.yaml"
        file.write_text(file.read_text().replace("retention: 1", "retention: 3"))
        plan, deploy = bring(tool, scratch)
        assert plan["up"] == "true", plan
        assert "log-group.api" in (scratch / "summary").read_text()
        # A new revision alone is the deploy's.
        file.write_text(file.read_text().replace("DATABASE_EPHEMERAL:", 'RELEASED_BY: "a workflow", DATABASE_EPHEMERAL:'))
        plan, deploy = bring(tool, scratch)
        assert plan["up"] == "false" and int(deploy.outputs["summary", "release"]) > first, (plan, deploy.outputs)
        # A newer commit runs already.
        os.environ["COMPARED"] = "behind"
        try:
            bring(tool, scratch)
        except subprocess.CalledProcessError:
            pass
        else:
            raise AssertionError("an older commit was released")
        Job("destroy", "destroy", tool, scratch).run()


if __name__ == "__main__":
    main()

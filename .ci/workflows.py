"""Runs the shell steps of the workflows' jobs as GitHub would, against the environment `local` in the local cloud, which
is up. Actions are left out: they fetch the sources, the tool and credentials, all of which are here.

    .ci/workflows.py FOLDER_OF_THE_TOOL
"""

import os
import re
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
}
# Stands in for GitHub: keeps the comments of one pull request in files.
GH = """#!/usr/bin/env bash
set -euo pipefail
echo "gh $*" >>"$COMMENTS/calls"
case $* in
    *--paginate*) if [ -f "$COMMENTS/1" ]; then echo 1; fi ;;
    *body=@*/comment.md*) cp "$RUNNER_TEMP/comment.md" "$COMMENTS/1" ;;
    *) echo "unexpected: gh $*" >&2; exit 1 ;;
esac
"""


class Job:
    def __init__(self, workflow, name, tool, scratch):
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
            if "run" not in step:
                continue
            assert "${{" not in step["run"], f"{self.name}: an expression inside of a script can become code"
            print(f"--- {self.name}: {step.get('name', step['run'])}", flush=True)
            variables = {key: self.value(value) for key, value in step.get("env", {}).items()}
            output = self.scratch / "output"
            output.write_text("")
            # As GitHub's runner does without a `shell:`.
            command = ["bash", "-e", "-c", step["run"]]
            subprocess.run(command, cwd=ROOT, env={**self.environment, **variables}, check=True)
            for line in output.read_text().splitlines():
                key, _, value = line.partition("=")
                self.outputs[step.get("id"), key] = value


def main():
    tool = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "gh").write_text(GH)
        (scratch / "gh").chmod(0o755)
        Job("plan", "plan", tool, scratch).run()
        first = (scratch / "1").read_text()
        Job("plan", "plan", tool, scratch).run()
        assert (scratch / "1").read_text().startswith("<!-- provisioner plan local -->\n"), first
        assert "PATCH" in (scratch / "calls").read_text(), "the second comment replaces the first"
        deploy = Job("deploy", "deploy", tool, scratch)
        deploy.run()
        assert deploy.outputs["summary", "url"].startswith("http://"), deploy.outputs
        assert "local" in (scratch / "summary").read_text()
        Job("destroy", "destroy", tool, scratch).run()


if __name__ == "__main__":
    main()

"""Runs Yosys passes through pyosys: python3 yosys_job.py JOB.json

JOB.json: {"site": folder with the pyosys package, "passes": [Yosys commands],
"each": {"names": file, "passes": [Yosys commands]} or null, "after": [Yosys commands], "done": file}.
The passes of `each` run once for every name in its file, one a line, which `passes` writes; `@` in a
command is the name. Writes `done` after the last command; a run that stopped early leaves no such
file, whatever its exit status. Yosys reads and writes files in the current folder.
"""

import json
import sys


def main(path):
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    sys.path.insert(0, job["site"])
    from pyosys import libyosys

    design = libyosys.Design()
    for command in job["passes"]:
        libyosys.run_pass(command, design)
    if job.get("each"):
        with open(job["each"]["names"], encoding="utf-8") as file:
            names = file.read().split()
        for name in names:
            for command in job["each"]["passes"]:
                libyosys.run_pass(command.replace("@", name), design)
    for command in job.get("after", []):
        libyosys.run_pass(command, design)
    with open(job["done"], "w", encoding="utf-8") as file:
        json.dump({}, file)


if __name__ == "__main__":
    main(sys.argv[1])

"""Runs Yosys passes through pyosys: python3 yosys_job.py JOB.json

JOB.json: {"site": folder with the pyosys package, "passes": [Yosys commands], "done": file}.
Writes the number of passes that ran to `done` after the last one; a run that stopped early leaves
no such file, whatever its exit status. Yosys reads and writes files in the current folder.
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
    with open(job["done"], "w", encoding="utf-8") as file:
        json.dump({"passes": len(job["passes"])}, file)


if __name__ == "__main__":
    main(sys.argv[1])

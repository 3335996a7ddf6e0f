"""The process in which a worker runs tasks that may have to be ended: says that it is ready, then answers each task."""

from __future__ import annotations

import json
import os
import sys

from ersde_theory.studies._measurement import measurement_names
from ersde_theory.studies._worker import run_task


def serve() -> None:
    """Answer tasks until there are no more. What a task prints goes to the error stream; it can read nothing."""
    tasks, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the files, not only Python's names of them: compiled code prints too
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    sys.stdout = sys.stderr
    measurement_names()  # imports what tasks need
    answers.write("ready\n")
    answers.flush()
    for line in tasks:
        done = run_task(*json.loads(line))
        answers.write(json.dumps([done.key, done.values, done.error, done.seconds]) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()

"""The process in which a worker runs tasks that may have to be ended: answers a line for each."""

from __future__ import annotations

import json
import sys

from ersde_theory.studies._worker import run_task


def serve() -> None:
    """Answer tasks until there are no more. What a task prints goes to the error stream."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        done = run_task(*json.loads(line))
        answers.write(json.dumps([done.key, done.values, done.error, done.seconds]) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()

"""The process that reads a large feed: `python -P -m digest.feed.worker`, a question in, an answer out.

Pickled, as between the processes of the standard library: both ends are this program.
"""

import contextlib
import pickle
import resource
import sys

from digest.errors import FeedError
from digest.feed.read import read

# Octets of address space. 15 MB of feed took 160 MiB; past this the machine is better off without it.
MOST_MEMORY = 1 << 30


def main() -> None:
    """Answer one question: body, headers, address and time. The answer is a Reading, or why there is none."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # a library that prints must not spoil the answer
    with contextlib.suppress(ValueError, OSError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    body, headers, url, now = pickle.load(sys.stdin.buffer)  # noqa: S301  our own parent wrote it
    try:
        answer: object = read(body, headers, url=url, now=now)
    except FeedError as exc:
        answer = str(exc)
    pickle.dump(answer, answers)
    answers.flush()


if __name__ == "__main__":
    main()

"""A process that leases from a database whenever it is told what time it is.

Its arguments are the database's URL, the line's name, the rate and how many permits it wants each time. Each
line of its input is a time; it answers with the permits' count, their start and their interval.
"""

import contextlib
import sys

from digest.store.database import Store
from digest.store.leases import lease

if __name__ == "__main__":
    url, name, rate, want = sys.argv[1:]
    with contextlib.closing(Store(url)) as store:
        for line in sys.stdin:
            with store.write() as session:
                given = lease(session, name, rate=float(rate), want=int(want), now=float(line))
            sys.stdout.write(f"{given.count} {given.start_at!r} {given.interval!r}\n")
            sys.stdout.flush()

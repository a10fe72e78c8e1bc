"""How fast an issue goes out to a relay that is far away, and the formula that says so beforehand.

With PIPELINING a message costs a connection two answers of the relay: to MAIL, RCPT and DATA, which leave
together, and to the body. A tick serves all connections that are idle by then, so they fall into step and go
round together: two answers, the tick and its wait for the disk, and the work for the N messages of the round,
one after the other. So N connections carry

    N / (2 d + c + N / r)   messages a second

where d is the relay's delay in seconds, c what a round costs us however many take part, and r how many
messages a second the processors would allow. c and r come from a relay without delay: from one connection,
and from as many as are measured at most.
"""

import smtplib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import process
import sink
import stand
from process import FailedError
from steps import Steps

DELAYS_MS = (1, 10, 50, 200)
CONNECTIONS = (1, 10, 50, 200)
OCTETS = 5000
PROBES = 40
ROUNDS = 12
"""Messages that a connection carries at least: a rate is taken from the first answers to the last."""
MOST = 20_000
SECONDS = 4.0
SLOW, FAST = 500, 5000
"""Messages a second about which one connection, and many, reach with a relay without delay."""
CALIBRATIONS = 3
"""All that is predicted hangs on these two figures: each is a median."""


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give what was measured beside what was predicted."""
    seconds = 1.0 if quick else SECONDS
    delays, lanes = (DELAYS_MS[:2], CONNECTIONS[:3]) if quick else (DELAYS_MS, CONNECTIONS)
    steps = Steps("latency", 2 + len(delays) * len(lanes))
    times = 1 if quick else CALIBRATIONS
    with sink.slow_relay(0) as port:
        answers = _answer_seconds(port)
        alone = statistics.median(_rate(folder, port, 1, round(seconds * SLOW)) for _ in range(times))
        steps.done(f"no delay, 1 connection: {alone:,.0f} messages/s")
        most = statistics.median(_rate(folder, port, lanes[-1], round(seconds * FAST)) for _ in range(times))
        steps.done(f"no delay, {lanes[-1]} connections: {most:,.0f} messages/s")
    # The formula at both ends, solved for what is unknown in it.
    work = max(0.0, (lanes[-1] / most - 1 / alone) / (lanes[-1] - 1))
    own = max(0.0, 1 / alone - 2 * answers - work)
    rows = []
    for delay in delays:
        with sink.slow_relay(delay) as port:
            answers = _answer_seconds(port)
            for connections in lanes:
                predicted = connections / (2 * answers + own + connections * work)
                messages = min(MOST, max(ROUNDS * connections, round(predicted * seconds)))
                what = f"{delay} ms, {connections} connections"
                try:
                    rate = _rate(folder, port, connections, messages)
                except FailedError as error:
                    steps.failed(f"{what}: {error}")
                    continue
                steps.done(f"{what}: {rate:,.0f} messages/s, predicted {predicted:,.0f}")
                rows.append(
                    {
                        "delay_ms": delay,
                        "answered_ms": round(1000 * answers, 2),
                        "connections": connections,
                        "messages": messages,
                        "rate": round(rate, 1),
                        "predicted": round(predicted, 1),
                    }
                )
    return {
        "octets": OCTETS,
        "own_ms": round(1000 * own, 2),
        "work_us": round(1e6 * work),
        "rows": rows,
        "failures": steps.failures,
    }


def _rate(folder: Path, port: int, connections: int, messages: int) -> float:
    """Send to a relay; give the messages a second from the first answers to the last. Raises FailedError."""
    room = Path(tempfile.mkdtemp(dir=folder))
    stand.write_config(room, port=port, connections=connections)
    measured = process.script(
        "contender.py",
        "digest",
        loop="uvloop",
        folder=room,
        octets=OCTETS,
        messages=messages,
        subscribe=messages,
    )
    return measured.more["steady"]


def _answer_seconds(port: int) -> float:
    """Give how long the relay takes for an answer in truth: its timers are no finer than a millisecond."""
    waits = []
    with smtplib.SMTP(sink.HOST, port) as client:
        client.ehlo()
        for _ in range(PROBES):
            started = time.perf_counter()
            client.noop()
            waits.append(time.perf_counter() - started)
    return statistics.median(waits)

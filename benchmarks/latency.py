"""How fast an issue goes out to a relay that is far away, and the formula that says so beforehand.

With PIPELINING a message costs a connection two answers of the relay: to MAIL, RCPT and DATA, which leave
together, and to the body. Between them and the next message lies a turn of our own, with the ledger's tick.
So a connection carries a message every `2 d + c` seconds, and N connections carry

    min(N / (2 d + c), r)   messages a second

where d is the relay's delay, c our own share with one connection, and r what processors allow. c and r come
from a relay without any delay: c from one connection, r from as many as are measured at most.
"""

import smtplib
import statistics
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
GUESS = 5000.0
"""Messages a second that a relay without delay is first asked for."""


def run(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Measure; give what was measured beside what was predicted."""
    seconds = 1.0 if quick else SECONDS
    delays, lanes = (DELAYS_MS[:2], CONNECTIONS[:3]) if quick else (DELAYS_MS, CONNECTIONS)
    steps = Steps("latency", 2 + len(delays) * len(lanes))
    with sink.slow_relay(0) as port:
        answers = _answer_seconds(port)
        alone = _rate(folder, port, 1, round(seconds * 500))
        steps.done(f"no delay, 1 connection: {alone:,.0f} messages/s")
        most = _rate(folder, port, lanes[-1], round(seconds * GUESS))
        steps.done(f"no delay, {lanes[-1]} connections: {most:,.0f} messages/s")
    own = max(0.0, 1 / alone - 2 * answers)
    rows = []
    for delay in delays:
        with sink.slow_relay(delay) as port:
            answers = _answer_seconds(port)
            for connections in lanes:
                predicted = min(connections / (2 * answers + own), most)
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
        "most": round(most),
        "rows": rows,
        "failures": steps.failures,
    }


def _rate(folder: Path, port: int, connections: int, messages: int) -> float:
    """Send to a relay; give the messages a second from the first answers to the last. Raises FailedError."""
    room = folder / f"{port}-{connections}"
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

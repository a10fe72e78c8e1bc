"""The line as short functions, in the order in which they run: collect, draft, freeze, send; or rehearse."""

from digest.publish.collect import Collected, collect
from digest.publish.draft import Draft, draft, edition, sample, select_for
from digest.publish.freeze import freeze, obstacle
from digest.publish.rehearse import rehearse
from digest.publish.send import job, send, send_test
from digest.publish.waiting import awaited

__all__ = [
    "Collected",
    "Draft",
    "awaited",
    "collect",
    "draft",
    "edition",
    "freeze",
    "job",
    "obstacle",
    "rehearse",
    "sample",
    "select_for",
    "send",
    "send_test",
]

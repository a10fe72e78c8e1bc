"""The service: collects, drafts, freezes and sends on schedule, and serves the reader pages beside it."""

from digest.service.life import Service

__all__ = ["Service"]

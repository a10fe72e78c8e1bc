"""Tells who sends a request, as far as HTTP tells."""

from fastapi import Request

from digest.web.leaving import Visitor


def visitor(request: Request) -> Visitor:
    """Give who sent a request."""
    return Visitor(
        method=request.method,
        ip=request.client.host if request.client else "",
        agent=request.headers.get("user-agent", ""),
        languages=request.headers.get("accept-language", ""),
    )

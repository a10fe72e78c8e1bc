"""Lets the site's software in: "Authorization: Bearer TOKEN" (RFC 6750), and what that token may do."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from digest.store import tokens
from digest.store.tokens import Scope, Token
from digest.web.guard import Often, visitor
from digest.web.pages import Pages

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="digest"'}

bearer = HTTPBearer(auto_error=False, description="A token that `digest tokens new` has made.")


def lets_in(pages: Pages) -> Callable[[Scope], Callable[..., Token]]:
    """Give what makes a check of a scope. A check raises HTTPException: 401, 403 or 429."""
    failures = Often(most=pages.wrong_tokens_a_minute)

    def needs(scope: Scope) -> Callable[..., Token]:
        def check(
            request: Request,
            given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
        ) -> Token:
            who = visitor(request.scope)
            if failures.is_over(who):
                raise HTTPException(429, "Too many wrong tokens came from your address: try again later.")
            token = _known(pages, given.credentials) if given else None
            if token is None:
                failures.count(who)
                raise HTTPException(401, "A token is needed that is known here.", CHALLENGE)
            if scope not in token.scopes:
                needed = f'Bearer error="insufficient_scope", scope="{scope.value}"'
                detail = f"This token has not the scope {scope.value}."
                raise HTTPException(403, detail, {"WWW-Authenticate": needed})
            return token

        return check

    return needs


def _known(pages: Pages, secret: str) -> Token | None:
    now = pages.clock()
    with pages.store.read() as session:
        token = tokens.find(session, secret)
    if token is not None and tokens.is_worth_noting(token, now):
        with pages.store.write() as session:
            tokens.used(session, token, now)
    return token

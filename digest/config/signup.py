"""The section about signing up: whether strangers may, for what, and how often before it looks like abuse."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from digest.config.kinds import WHOLE, Flag, listed
from digest.config.section import Section
from digest.config.values import Slug

Names = Annotated[tuple[Slug, ...], BeforeValidator(listed)]
AnHour = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]


class Signup(Section):
    """The page on which readers sign up, and what keeps it from being abused."""

    enabled: Flag = True
    """Whether there is such a page."""
    newsletters: Names = ()
    """The names of the newsletters that are offered; none: all of them."""
    welcome: Literal["none", "mail", "issue"] = "none"
    """What a new reader gets at once: nothing, a mail of welcome, or that and the last issue."""
    per_ip: AnHour = 10
    """Sign-ups an hour from one IP address; 0: no limit."""
    per_network: AnHour = 30
    """Sign-ups an hour from one network, a /24 of IPv4 or a /56 of IPv6; 0: no limit."""
    in_all: AnHour = 1000
    """Sign-ups an hour from everywhere; 0: no limit."""

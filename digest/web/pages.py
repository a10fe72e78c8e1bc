"""What the pages need to know. Values and collaborators, passed in once; no settings, no globals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from digest.config.archive import Archive
from digest.config.signup import Signup
from digest.links import Keys
from digest.store.database import Store
from digest.web.gates import Hooks


@dataclass(frozen=True, kw_only=True)
class Pages:
    """A site's reader pages: whose they are, how they look, and the store that they act on."""

    store: Store
    keys: Keys
    clock: Callable[[], datetime]
    """Gives the time, aware, in UTC."""
    site_name: str
    site_url: str
    contact: str
    """Where a reader finds a person: a mail address or an https URL."""
    titles: Mapping[str, str]
    """The newsletters' titles by name."""
    public_url: str = ""
    """Where readers reach the pages. Only its path counts here, for a proxy that serves them under one."""
    language: str = "en"
    """The language of the site's own name and titles (BCP 47)."""
    accent: str = "#1f4e79"
    """`#rrggbb`. Made darker or lighter where it could not be read otherwise."""
    logo: str = ""
    """The https URL of a picture in place of the site's name; shown where it lies with the site itself."""
    timezone: str = "UTC"
    """The zone in which the pages name a day."""
    rarer: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """For each newsletter those that come less often, the most frequent of them first."""
    site_templates: Path | None = None
    """The site's own folder; a file in its `web/` stands in for the shipped one of that name."""
    archive: Archive = field(default_factory=Archive)
    """Whether past issues can be read, and by whom they may be found."""

    signup: Signup = field(default_factory=Signup)
    """Whether and for what a stranger may sign up, and how often."""
    hooks: Hooks | None = None
    """What mail services post to; None: nowhere."""
    hosts: Sequence[str] = ()
    """The hosts that are answered for, besides that of `public_url` and this computer; none: all."""
    hsts_days: int = 0
    """How long a browser that was here comes by https alone; 0: it is not told so."""
    posts_a_minute: int = 120
    """How many forms one address may send in a minute: a household, an office, not a robot."""
    wrong_tokens_a_minute: int = 30
    """How many wrong tokens of the API one address may try in a minute."""

    @property
    def root(self) -> str:
        """The path under which readers reach the pages: empty, or `/news`."""
        return urlsplit(self.public_url).path.rstrip("/")

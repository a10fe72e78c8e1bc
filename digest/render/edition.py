"""What a rendering is made from. Values only."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from digest.model import LedgerArticle


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One issue as the templates need it: its stories in their order, and what the site says of itself."""

    site_name: str
    site_url: str
    language: str
    """A language tag (BCP 47) such as `en` or `pt-BR`, for our own sentences, the dates and the direction of
    writing."""
    postal_address: str
    contact: str
    """Where a reader finds a person: an e-mail address or an https URL."""
    newsletter_name: str
    newsletter_title: str
    subject_template: str
    """Jinja source, such as `{{ articles[0].title }}`."""
    day: date
    """The slot's date in the newsletter's zone."""
    articles: tuple[LedgerArticle, ...]
    """The lead first."""
    template: str = "digest"
    """Names `NAME.html.j2` and `NAME.txt.j2`."""
    intro: str = ""
    preheader: str = ""
    """What the inbox shows beside the subject; empty: taken from the stories."""
    logo_url: str = ""
    accent: str = "#0b4f6c"
    """`#rrggbb`. Made darker or lighter where it could not be read otherwise."""
    paper: str = "#f4f1ea"
    """`#rrggbb`: what the page lies on, where the client shows light colours."""
    serif: str = "Georgia,'Times New Roman',serif"
    """The fonts of what is read. Only the reader's own: a mail loads none."""
    sans: str = "Helvetica,Arial,sans-serif"
    """The fonts of what is scanned."""
    site_templates: Path | None = None
    """The site's own folder; a file in its `email/` stands in for the shipped one of that name."""
    link_params: str = ""
    """Added to the stories' links, such as `utm_source=digest`."""
    archive_url: str = ""
    """Where the issue can be read in a browser; empty: nowhere."""
    sample: bool = False
    """Marks the page as a sample: its stories are made up."""

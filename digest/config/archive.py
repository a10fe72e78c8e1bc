"""The section about the archive: whether issues that went out can be read on the web."""

from digest.config.kinds import Flag
from digest.config.section import Section


class Archive(Section):
    """The pages with the issues that went out."""

    public: Flag = True
    """Whether anybody may read past issues under public_url/archive; the mail then links to its own page."""
    index: Flag = False
    """Whether search engines may list them."""

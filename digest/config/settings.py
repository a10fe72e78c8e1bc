"""The settings as a whole: the sections, and what follows from them and from config.toml's folder."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from digest import address
from digest.config.archive import Archive
from digest.config.bounces import Bounces
from digest.config.database import resolved_url
from digest.config.editorial import VERP, Editors, Mail, Newsletter, Site, Theme
from digest.config.keyfile import SigningKey
from digest.config.kinds import listed
from digest.config.operation import Alerts, Database, Delivery, Privacy, Web
from digest.config.relays import Domains, Smtp
from digest.config.signing import Dkim
from digest.config.signup import Signup
from digest.errors import UsageError

Newsletters = tuple[Newsletter, ...]


def _tables(value: object) -> object:
    if isinstance(value, dict):
        raise ValueError("begins with [[newsletter]], in double brackets")  # noqa: TRY004 - for pydantic
    return listed(value)


class Settings(BaseSettings):
    """What config.toml and the environment say, checked. Made by `load` alone; frozen."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="DIGEST_",
        env_nested_delimiter="__",
        enable_decoding=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        title="config.toml",
    )

    site: Site
    newsletter: Annotated[Newsletters, BeforeValidator(_tables)] = Field(json_schema_extra={"minItems": 1})
    mail: Mail
    delivery: Delivery = Delivery()
    smtp: Smtp = Smtp()
    pace: Domains = Field(default_factory=dict)
    """Limits for single recipient domains."""
    dkim: Dkim = Dkim()
    bounces: Bounces = Bounces()
    alerts: Alerts = Alerts()
    editors: Editors = Editors()
    theme: Theme = Theme()
    privacy: Privacy = Privacy()
    database: Database = Database()
    web: Web = Web()
    archive: Archive = Archive()
    signup: Signup = Signup()

    _path: Path = PrivateAttr(default=Path("config.toml"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` gives and nothing else: the process's environment is not read behind its back."""
        return (init_settings,)

    @field_validator("newsletter")
    @classmethod
    def _newsletters(
        cls, newsletters: tuple[Newsletter, ...], info: ValidationInfo
    ) -> tuple[Newsletter, ...]:
        if not newsletters:
            raise ValueError("must be given at least once")
        site = info.data.get("site")
        names: set[str] = set()
        for index, newsletter in enumerate(newsletters):
            if newsletter.name in names:
                raise misplaced("there is another newsletter of this name", f"newsletter.{index}.name")
            names.add(newsletter.name)
            if isinstance(site, Site) and not set(newsletter.feeds) <= set(site.feeds):
                raise misplaced("must be among site.feeds", f"newsletter.{index}.feeds")
        return (
            newsletters if site is None else tuple(_inherit(newsletter, site) for newsletter in newsletters)
        )

    @field_validator("dkim")
    @classmethod
    def _dkim(cls, dkim: Dkim, info: ValidationInfo) -> Dkim:
        mail = info.data.get("mail")
        if not dkim.key_file or not isinstance(mail, Mail):
            return dkim
        sender = address.domain(mail.sender.address)
        if not dkim.aligns(sender):
            raise misplaced(
                f"must be mail.from's {sender}, or one above or below it: no other counts for DMARC",
                "dkim.domain",
            )
        return dkim.model_copy(update={"domain": dkim.domain or sender})

    @field_validator("bounces")
    @classmethod
    def _bounces(cls, bounces: Bounces, info: ValidationInfo) -> Bounces:
        mail = info.data.get("mail")
        if bounces.is_read and not bounces.address:
            raise misplaced("is missing: the address whose mail is read there", "bounces.address")
        if isinstance(mail, Mail) and mail.envelope == VERP and not bounces.is_read:
            raise misplaced(
                '"verp" needs something that reads what comes back: [bounces] address, and maildir, imap, '
                "lmtp or pipe",
                "mail.envelope",
            )
        return bounces

    @field_validator("signup")
    @classmethod
    def _signup(cls, signup: Signup, info: ValidationInfo) -> Signup:
        newsletters = info.data.get("newsletter")
        if newsletters is not None and not set(signup.newsletters) <= {one.name for one in newsletters}:
            raise misplaced("must be names of newsletters", "signup.newsletters")
        return signup

    @model_validator(mode="after")
    def _fill_envelope(self) -> Self:
        """Have bounces go where they are read, unless another address is given for them."""
        if not self.mail.envelope:
            known = self.bounces.address if self.bounces.is_read else self.mail.sender.address
            object.__setattr__(self, "mail", self.mail.model_copy(update={"envelope": known}))
        return self

    @property
    def is_verp(self) -> bool:
        """Whether each message has an envelope of its own, by which a bounce names its reader."""
        return self.mail.envelope == VERP

    @property
    def envelope(self) -> str:
        """The sender on the envelope (RFC 5321 MAIL FROM) of what goes to no single subscriber."""
        return self.bounces.address if self.is_verp else self.mail.envelope

    @property
    def path(self) -> Path:
        """Where config.toml is, absolute."""
        return self._path

    @property
    def folder(self) -> Path:
        """The folder at which relative paths start."""
        return self._path.parent

    @property
    def secret_path(self) -> Path:
        """Where the keys that sign links are. It may not exist yet."""
        return self.folder / self.web.secret_file

    def signing_keys(self) -> tuple[SigningKey, ...]:
        """Read the keys that sign every message; none where nothing is signed. Raises UsageError."""
        return self.dkim.keys(self.folder)

    @property
    def templates_folder(self) -> Path:
        """Where the site's own templates are. It may not exist."""
        return self.folder / self.theme.templates

    @property
    def outbox(self) -> Path:
        """The Maildir of a rehearsal."""
        return self.folder / "outbox"

    @property
    def database_url(self) -> str:
        """The database's URL for SQLAlchemy, a SQLite file's path absolute. Holds the password."""
        return resolved_url(self.database.url, self.folder)

    @property
    def is_rehearsal(self) -> bool:
        """Whether there is no relay, so that nobody is mailed."""
        return not self.smtp.host

    def archive_url(self, newsletter: str, issue: str = "") -> str:
        """Give where a newsletter's issues can be read, or one by its slot or name; empty where nowhere."""
        if not self.archive.public:
            return ""
        return "/".join(part for part in (self.web.public_url, "archive", newsletter, issue) if part)

    def newsletter_named(self, name: str | None) -> Newsletter:
        """Give the newsletter of this name; without a name the only one.

        Raises:
            UsageError: there is none of this name, or several and no name. The message lists them.

        """
        if name is None and len(self.newsletter) == 1:
            return self.newsletter[0]
        for newsletter in self.newsletter:
            if newsletter.name == name:
                return newsletter
        names = ", ".join(newsletter.name for newsletter in self.newsletter)
        if name is None:
            raise UsageError(f"There are several newsletters; name one with --newsletter: {names}.")
        raise UsageError(f"There is no newsletter {name!r} in {self.path.name}; there is: {names}.")


def misplaced(problem: str, at: str) -> PydanticCustomError:
    """Give an error of sections that do not go together, at the key of this path, with dots."""
    return PydanticCustomError("misplaced", "{problem}", {"problem": problem, "at": at})


def _inherit(newsletter: Newsletter, site: Site) -> Newsletter:
    return newsletter.model_copy(
        update={
            "title": newsletter.title or site.name,
            "timezone": newsletter.timezone or site.timezone,
            "feeds": newsletter.feeds or site.feeds,
        }
    )

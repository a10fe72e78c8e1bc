"""Every error that an operator, editor or reader can do something about. A bug keeps its own class.

DigestError                 one sentence: what was wrong, where, what to do (exit 1)
├── UsageError              the command, its arguments or its folder are wrong (exit 2)
│   └── ConfigError         config.toml or the environment is wrong; all mistakes in one (exit 2)
├── FeedError               a feed could not be fetched or read; nothing was changed
├── RenderError             a template is wrong; nothing was frozen
├── StoreError              the database is missing, locked, full, or of another version
├── InboxError              a mailbox that bounces come to cannot be read; nothing was lost
├── SenderBusyError         another process holds the sender's role
├── IssueError              the issue is not in a state in which this can be done
├── RelayError              the relay refuses us as a whole; nobody is blamed
├── AddressError            not an address that mail can be sent to
└── TokenError              a link that this installation did not sign
"""

from dataclasses import dataclass


class DigestError(Exception):
    """The root. `str()` gives one sentence for a person; `exit_code` is the command's."""

    exit_code = 1


class UsageError(DigestError):
    """The command, its arguments or its folder are wrong."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake in the configuration: where it stands and what is wrong."""

    where: str
    key: str
    problem: str

    def __str__(self) -> str:
        """Give `config.toml:12: site.timezone: …`."""
        return f"{self.where}: {self.key}: {self.problem}"


class ConfigError(UsageError):
    """Everything that is wrong with the configuration, together."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))


class FeedError(DigestError):
    """A feed could not be fetched or read. The ledger is as it was."""


class RenderError(DigestError):
    """A template cannot be rendered. Nothing was frozen."""


class StoreError(DigestError):
    """The database is missing, locked, full, or of another version."""


class InboxError(DigestError):
    """A mailbox that bounces come to cannot be read. What is in it stays there."""


class SenderBusyError(DigestError):
    """Another process holds the sender's role on this database."""


class IssueError(DigestError):
    """The issue is not in a state in which this can be done."""


class RelayError(DigestError):
    """The relay refuses us as a whole: a matter of set-up that blames no subscriber."""


class AddressError(DigestError):
    """Not an address that mail can be sent to."""


class TokenError(DigestError):
    """A link that this installation did not sign, or that was damaged on its way."""

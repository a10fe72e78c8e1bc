"""`digest dkim`: makes a key that signs our mail, and says what to publish about it in the DNS."""

import os
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from digest.cli.context import options, settings, warn_of
from digest.cli.output import emit_json, facts, say
from digest.config import SigningKey, toml_text
from digest.config.keyfile import RSA_ADVISED, RSA_MOST, PrivateKey
from digest.config.signing import selector as checked_selector
from digest.config.signing import signing_domain
from digest.dkim import record, zone_line
from digest.errors import UsageError

# What nearly every RSA key has for its public exponent, and what every verifier reads (RFC 8017 C).
_EXPONENT = 65537

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Sign the mail, where the relay does not.")
    group.command()(new)
    group.command("record")(records)
    app.add_typer(group, name="dkim")


def new(
    ctx: typer.Context,
    domain: Annotated[
        str, typer.Argument(metavar="DOMAIN", help="Whose signature: the domain of [mail] from.")
    ],
    selector: Annotated[
        str, typer.Argument(metavar="SELECTOR", help="A name for this key, as it stands in the DNS.")
    ],
    *,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="A key for a second signature.")] = False,
    bits: Annotated[int, typer.Option(help="Of an RSA key.", min=RSA_ADVISED, max=RSA_MOST)] = RSA_ADVISED,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The key's file.", show_default="dkim-SELECTOR.key beside config.toml"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; print its DNS record and the lines for config.toml. No file is written over.

    Example: `digest dkim new ledger.example news`
    """
    checked = _checked(domain, selector)
    folder = options(ctx).config.absolute().parent
    path = (output or folder / f"dkim-{selector}.key").absolute()
    private: PrivateKey = Ed25519PrivateKey.generate() if ed25519 else generate_private_key(_EXPONENT, bits)
    _write(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = SigningKey(domain=checked, selector=selector, private=private)
    name = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    lines = (
        {"ed25519_selector": selector, "ed25519_key_file": name}
        if ed25519
        else {"domain": checked, "selector": selector, "key_file": name}
    )
    if as_json:
        emit_json({"file": str(path), **_told(key), "config": {"dkim": lines}})
        return
    facts((("made", path, "signs the mail: nobody else may have it"),))
    say()
    _show(key)
    say()
    say("Once that is published, in config.toml:")
    say()
    say(toml_text({"dkim": lines}).rstrip())


def records(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Print the DNS records of the keys in config.toml.

    Example: `digest dkim record`
    """
    keys = settings(ctx).signing_keys()
    if not keys:
        raise UsageError(
            "Nothing is signed here: [dkim] key_file is empty. Most relays sign; for one that does not, "
            "`digest dkim new` makes a key."
        )
    if as_json:
        emit_json([_told(key) for key in keys])
        return
    for number, key in enumerate(keys):
        if number:
            say()
        _show(key)
        warn_of(key)


def _checked(domain: str, selector: str) -> str:
    """Give the domain as A-label. Raises UsageError for one that is none, or a selector that is none."""
    try:
        checked = signing_domain(domain)
    except ValueError as error:
        raise UsageError(f"{domain!r} {error}.") from error
    try:
        checked_selector(selector)
    except ValueError as error:
        raise UsageError(f"{selector!r} {error}.") from error
    if not checked or not selector:
        raise UsageError("A key needs a domain and a selector.")
    return checked


def _write(path: Path, pem: bytes) -> None:
    """Write a file that its owner alone may read. Raises UsageError where there is one already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is there already: name another file with --output.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(pem)


def _told(key: SigningKey) -> dict[str, str]:
    return {"name": key.record_name, "type": "TXT", "value": record(key), "zone": zone_line(key)}


def _show(key: SigningKey) -> None:
    """Print a record twice: for a form, and for a zone file."""
    say("The DNS record, for a form that asks for name, type and value:")
    say()
    say(f"  {key.record_name}")
    say("  TXT")
    say(f"  {record(key)}")
    say()
    say("The same for a zone file:")
    say()
    say(f"  {zone_line(key)}")

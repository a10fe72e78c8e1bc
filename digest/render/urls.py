"""The links of a mail: https where the site answers https, with the site's own parameters. Pure."""

from urllib.parse import parse_qsl, urlsplit, urlunsplit

from digest.errors import RenderError


def host(url: str) -> str:
    """Give `ledger.example` for `https://www.ledger.example/`, as a reader would say it."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def secure(url: str, site_url: str) -> str:
    """Give the URL with https, where it is the site's own and the site answers https."""
    if not url.lower().startswith("http://") or not site_url.lower().startswith("https://"):
        return url
    own, there = host(site_url), host(url)
    return f"https{url[4:]}" if there == own or there.endswith(f".{own}") else url


def with_params(url: str, params: str) -> str:
    """Add parameters to a URL's query. What the URL says already stays; so does its fragment."""
    parts = urlsplit(url)
    taken = {key for key, _value in parse_qsl(parts.query, keep_blank_values=True)}
    added = [pair for pair in params.lstrip("?&").split("&") if pair and pair.split("=")[0] not in taken]
    query = "&".join([*([parts.query] if parts.query else []), *added])
    return urlunsplit(parts._replace(query=query))


def contact_url(contact: str) -> str:
    """Give the link behind "Write to the editor" for an address or an https URL. Raises RenderError."""
    if contact.startswith("https://"):
        return contact
    if "@" in contact and ":" not in contact:
        return f"mailto:{contact}"
    if not contact:
        return ""
    raise RenderError(f"site.contact is {contact!r}: it has to be an e-mail address or an https URL")

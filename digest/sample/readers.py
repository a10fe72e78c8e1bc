"""Made-up readers for the demo: names, and addresses that no mail can reach. Pure; the same every time.

Their domains end in `.example`, which RFC 2606, section 3, keeps from ever being anybody's.
"""

import unicodedata
from collections.abc import Iterator
from csv import writer
from io import StringIO

DOMAINS = 9
"""Over how many domains the readers spread, so that a send has something to pace."""

_GIVEN = (
    *("Amara", "Bjørn", "Chiara", "Dmitri", "Eleni", "Farid", "Greta", "Hiro", "Imogen", "João", "Keziah"),
    *("Leopold", "Maren", "Nnamdi", "Odile", "Pádraig", "Quill", "Rosalind", "Søren", "Thandiwe", "Uma"),
    *("Viktor", "Winifred", "Xiomara", "Yusuf", "Zofia"),
)
_FAMILY = (
    *("Abara", "Brandt", "Calloway", "Dvořák", "Eriksen", "Fontaine", "Gallagher", "Haddad", "Ibsen"),
    *("Jankowski", "Kowalski", "Lindgren", "Moreau", "Núñez", "O’Dowd", "Petrov", "Quist", "Rossi"),
    *("Sato", "Thorne", "Ueda", "Vance", "Whitlock", "Yilmaz", "Zamora"),
)
# What Unicode does not decompose into a letter and its mark.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "’": ""})


def readers(count: int) -> Iterator[tuple[str, str]]:
    """Give `count` readers as (address, name). Addresses are ASCII and each is there once."""
    for number in range(1, count + 1):
        given = _GIVEN[number % len(_GIVEN)]
        # The two lists' lengths share no factor: all 650 pairs come before one returns.
        family = _FAMILY[number % len(_FAMILY)]
        local = f"{_plain(given)}.{_plain(family)}.{number}"
        yield f"{local}@mail{number % DOMAINS + 1}.example", f"{given} {family}"


def csv(count: int) -> str:
    """Give `count` readers as CSV with a header (RFC 4180), as an import takes it."""
    text = StringIO()
    rows = writer(text)
    rows.writerow(("email", "name"))
    rows.writerows(readers(count))
    return text.getvalue()


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return decomposed.encode("ascii", "ignore").decode()

"""Makes a text of what a relay said: it goes into the ledger, onto terminals and into mails to operators."""


def legible(text: str) -> str:
    """Give a text whose every character can be shown and stored: PostgreSQL takes no NUL, UTF-8 no surrogate.

    What cannot is U+FFFD instead.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)

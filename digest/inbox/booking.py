"""What every way in is handed, and for how long it may hold a mail in memory."""

from collections.abc import Callable

from digest.bounce.parts import READ_OCTETS

Book = Callable[[bytes], bool]
"""Books a mail, of which it gets the first `READ_OCTETS`, and commits; only then the source gives it up.

False where a person should look at it: then it is put by, and never deleted. Raises StoreError where nothing
was booked.
"""

Stopped = Callable[[], bool]
"""Says whether to come to an end after the mail at hand."""

__all__ = ["READ_OCTETS", "Book", "Stopped"]

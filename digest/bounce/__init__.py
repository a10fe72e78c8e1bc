"""Reads what comes back to the envelope's address: bounces, complaints, answers of machines. Pure.

`read.py` says what a mail is and whom it is about: by the machine's part (`fields.py`), else by the words for
people (`written.py`, `whom.py`). `parts.py` takes a mail apart, `judge.py` and the table in `phrases.py` tell
whose fault it is. Nothing here changes a subscriber.
"""

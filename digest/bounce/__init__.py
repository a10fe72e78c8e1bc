"""Reads what comes back to the envelope's address: bounces, complaints, answers of machines. Pure.

`read.py` says what a mail is and whom it is about, `parts.py` takes it apart, `fields.py` reads the machine's
part, `whom.py` and `judge.py` read sentences, `phrases.py` is their table. None of them changes a subscriber.
"""

"""Reads what mail services post about our messages: who failed, who complained, who wants out. Pure.

A module a service: `verify` says whether the service sent it, `read` what it says, by the service's own
classes as it documents them. `sns.py` is the envelope of what Amazon SES says. Nothing here changes a
subscriber.
"""

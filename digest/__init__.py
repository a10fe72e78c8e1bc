"""A site's feed, made into the day's digest and mailed to every subscriber exactly once."""

from importlib.metadata import version

__version__ = version("digest-newsletter")

"""For clients of servers that speak plain HTTP alone."""

import ssl

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Knows no certificates: to read the system's takes 20 ms, for each of a thousand clients."""

"""Bytes, made into outcomes: connections, replies, pace."""

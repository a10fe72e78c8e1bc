"""Reader pages, and the endpoints that mail clients call."""

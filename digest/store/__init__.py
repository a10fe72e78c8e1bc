"""The ledger: articles, issues, subscribers, deliveries, events."""

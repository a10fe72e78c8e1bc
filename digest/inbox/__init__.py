"""The ways by which what came back comes in. They know no ledger: each is handed what books a mail."""

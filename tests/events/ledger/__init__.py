"""The ledger: one contract, each implementation, each fault."""

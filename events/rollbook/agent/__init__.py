"""What makes a target run what the ledger says it should."""

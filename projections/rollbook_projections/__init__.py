"""Views: what the ledger says, folded into tables that can be dropped and refilled."""

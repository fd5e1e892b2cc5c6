"""The facts: events, commands, ledger and proof."""

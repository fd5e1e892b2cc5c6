"""What the ledger and the clock ask of the conductor: pure, one file for each rule."""

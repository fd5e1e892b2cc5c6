"""The main job on real input: real models live their whole life in the ledger."""

"""Does the lineage view say what the ledger says?"""

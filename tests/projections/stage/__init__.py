"""Does the stage view say what the ledger says?"""

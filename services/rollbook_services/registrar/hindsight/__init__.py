"""What can be said of a whole ledger afterwards: do its decisions hold, what if?"""

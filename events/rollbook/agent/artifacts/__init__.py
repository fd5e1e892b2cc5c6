"""How artifacts come to this machine, and what is kept of them."""

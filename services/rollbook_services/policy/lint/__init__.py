"""Would a policy do what its writer means? Asked when it is proposed."""

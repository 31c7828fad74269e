"""Many workers on one store: who runs which command, under which account, and what follows."""

"""KEXP: the plays of the station, newest to 2001, without a key."""

"""The song catalogue and the plays it is made of."""

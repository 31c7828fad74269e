"""Which page to ask next: seed expansion, choice from the ledger, and the queue's driver."""

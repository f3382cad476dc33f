"""How each record lies in the ledger: keys, shapes and the transactions that keep them true together.

The only place that knows partition and sort keys. Steps call these functions; adapters know nothing of them.
"""

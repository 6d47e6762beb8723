"""The ledger of decisions: listed, looked up, exported, shown to staff."""

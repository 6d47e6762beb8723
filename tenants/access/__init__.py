"""Who calls: keys, authentication, rate limits, idempotent answers, and the view that holds them together."""

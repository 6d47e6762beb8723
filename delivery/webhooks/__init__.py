"""A partner's webhooks for its events: made, changed, replayed and listed. `delivery.worker` sends to them."""

"""A partner's webhooks: where its events are sent."""

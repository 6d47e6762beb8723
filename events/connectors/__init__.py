"""Events as other vendors' SDKs and webhooks send them: a folder a vendor, `shared` for what all need."""

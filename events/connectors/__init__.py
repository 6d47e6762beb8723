"""Events as other vendors' SDKs and webhooks send them: a folder a vendor, `shared` for what all need.

`docs/connectors.md` shows how to add a vendor.
"""

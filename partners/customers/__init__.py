"""A partner's customers: listed, provisioned, looked up, changed."""

"""What many tenants learned, released with noise, and read as the prior of another tenant's model."""

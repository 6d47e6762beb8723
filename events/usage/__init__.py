"""What tenants use, by day and month: counted in rounds, closed, corrected, read and watched."""

"""A partner's endpoints: their health, enabling them again, recovery, certification."""

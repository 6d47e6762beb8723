"""A partner's endpoints: how they are, enabling them again, recovering what failed, certifying them."""

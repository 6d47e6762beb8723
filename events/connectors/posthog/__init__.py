"""PostHog: https://posthog.com/docs/api/capture, and what its webhook destination sends."""

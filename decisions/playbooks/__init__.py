"""Playbooks and interventions: whom to decide for, when, and who has to approve."""

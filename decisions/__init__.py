"""What is done for whom: playbooks and the interventions they plan."""

"""What whoever runs Retivo sees of it: probes, metrics, traces, and the doctor's checks."""

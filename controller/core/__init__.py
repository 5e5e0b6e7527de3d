"""The pure middle: no clock, network, environment or logging."""

//! Kubernetes: discovery, actuator, lease, events.

//! Use cases, ports, and the driver that performs effects.

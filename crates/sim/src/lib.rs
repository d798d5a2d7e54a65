//! The whole world in memory: clusters, load, faults, prices, peers.

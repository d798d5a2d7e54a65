//! Streaming, probabilistic load forecasting for capacity.

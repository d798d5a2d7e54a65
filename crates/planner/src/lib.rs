//! What the capacity should be: demand, horizontal sizing, guardrails, plan linter.

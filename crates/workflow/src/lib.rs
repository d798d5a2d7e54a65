//! In which order things happen: the control cycle as a state machine.

//! Seaworthy's end-to-end tests.

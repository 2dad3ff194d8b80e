//! Timed measurements; nothing here is a test.

//! Training of small recurrent networks on a CSV log.

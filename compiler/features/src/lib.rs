//! Empty: what counts is which features its manifest turns on.

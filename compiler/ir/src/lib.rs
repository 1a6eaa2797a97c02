//! What a program means: tensor ops, graph, text form, verifier, interpreter and analyses.

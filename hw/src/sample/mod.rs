//! sample: the k largest logits, and a draw from them with a seeded generator.

pub mod golden;

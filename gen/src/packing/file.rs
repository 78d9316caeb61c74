//! A layout from a file of the user.

use hw::packing::{Lane, Layout, Multiplier, Operand};
use serde::Deserialize;

use crate::diag::{Diagnostic, Diagnostics, Source};

/// What a file says; lanes follow from the weights unless they are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "dsp48e2")]
    multiplier: Multiplier,
    a: Operand,
    b: Operand,
    a_at: Vec<u32>,
    b_at: Vec<u32>,
    /// Low bits that fabric recomputes, for the lanes in ascending order.
    recompute: Option<Vec<u32>>,
    lanes: Option<Vec<Lane>>,
}

const fn dsp48e2() -> Multiplier {
    Multiplier::Dsp48e2
}

/// Reads a layout; whether it is exact is not looked at.
///
/// # Errors
/// What is wrong, and where.
pub fn read_layout(source: &Source) -> Result<Layout, Diagnostics> {
    let help = "keys: a, b (operands such as \"11u\"), a_at, b_at (weights), and, as wanted, multiplier, recompute or lanes";
    let file: File = toml::from_str(source.text()).map_err(|e| {
        let message = Diagnostic::error(e.message().to_string()).help(help);
        match e.span() {
            Some(span) => message.at(source, span),
            None => message.in_file(source.name()),
        }
    })?;
    let refuse = |text: String| Diagnostics::from(Diagnostic::error(text).in_file(source.name()));
    let most = 64;
    if let Some(at) = file.a_at.iter().chain(&file.b_at).find(|&&at| at >= most) {
        return Err(refuse(format!("weight {at} is not below {most}")));
    }
    match (file.lanes, file.recompute) {
        (Some(_), Some(_)) => Err(refuse("both lanes and recompute are given".into())),
        (Some(lanes), None) => {
            let layout = Layout {
                multiplier: file.multiplier,
                a: file.a,
                b: file.b,
                a_at: file.a_at,
                b_at: file.b_at,
                lanes,
            };
            let checked = layout.check();
            checked.map(|()| layout).map_err(|e| refuse(e.to_string()))
        }
        (None, recompute) => Layout::of(
            file.multiplier,
            (file.a, &file.a_at),
            (file.b, &file.b_at),
            false,
            recompute.as_deref(),
        )
        .map_err(|e| refuse(e.to_string())),
    }
}

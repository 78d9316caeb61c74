//! Names: legal, no reserved words, each used once.

use indexmap::IndexSet;

use super::super::builder::ModuleBuilder;
use super::super::module::{Item, MemPort};
use super::super::print;

/// Reserved words of Verilog-2005 and SystemVerilog that a designer might choose as a name.
const KEYWORDS: &str = "\
    always and assert assign assume automatic begin bind bit break buf byte case cell checker \
    class clocking config const constraint context continue cover cross default design disable \
    do edge else end endcase endmodule enum event expect export extends extern final for force \
    forever fork function generate genvar global if implies import include initial inout input \
    inside instance int integer interface join large let library local localparam logic medium \
    modport module nand negedge new nor not null or output package packed parameter posedge \
    primitive priority program property protected pull0 pull1 pure rand real ref reg release \
    repeat restrict return scalared sequence shortint signed small solve specify static string \
    strong struct super supply0 supply1 table task this throughout time timeunit tri type \
    typedef union unique unsigned use var vectored virtual void wait wand weak while wildcard \
    wire with within wor xnor xor";

pub(super) fn names(m: &ModuleBuilder, faults: &mut Vec<String>) {
    let mut seen: IndexSet<&str> = IndexSet::new();
    let instances = m.items.iter().filter_map(|i| match i {
        Item::Instance { name, .. } | Item::BlackBox { name, .. } | Item::Assert { name, .. } => {
            Some((name.as_str(), None))
        }
        _ => None,
    });
    // Names that the printer adds.
    let added: Vec<String> = m
        .items
        .iter()
        .filter_map(|i| match i {
            Item::Unused { index, .. } => Some(format!("unused_{index}")),
            Item::MemAccess {
                mem,
                port:
                    MemPort::Write {
                        bytes: Some((_, port)),
                        ..
                    },
                ..
            } => Some(print::lane_index(&m.mems[*mem], *port)),
            _ => None,
        })
        .collect();
    let nets = m.nets.iter().map(|n| (&*n.name, Some(n.loc)));
    let mems = m.mems.iter().map(|n| (&*n.name, Some(n.loc)));
    for (name, loc) in nets
        .chain(mems)
        .chain(instances)
        .chain(added.iter().map(|n| (n.as_str(), None)))
        .chain(std::iter::once((m.name.as_str(), None)))
    {
        let place = loc.map(|l| format!("{l}: ")).unwrap_or_default();
        let legal = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !legal {
            faults.push(format!("{place}`{name}` is not a Verilog identifier"));
        }
        if KEYWORDS.split(' ').any(|k| k == name) {
            faults.push(format!("{place}`{name}` is a reserved word"));
        }
        if !seen.insert(name) {
            faults.push(format!("{place}`{name}` is declared twice"));
        }
    }
}

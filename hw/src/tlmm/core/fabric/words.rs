//! The order of weight words: tables are filled, then the words of the K tile
//! are taken, row tile after row tile.

use super::super::CoreParams;
use crate::rtl::{Block, Clock, Expr, ModuleBuilder, clog2, lit, mux, uint};

/// States.
pub(super) const IDLE: u64 = 0;
const WAIT: u64 = 1;
const FILL: u64 = 2;
const ROWS: u64 = 3;

/// Nets of the order, made by [`words`].
pub(super) struct Words {
    pub state: Expr,
    left: Expr,
    row_end: Expr,
    tile: Expr,
    last_tile: Expr,
    first_tile: Expr,
    pub may_take: Expr,
    taken: Expr,
    pub tile_end: Expr,
}

/// Declares the nets: `k_tiles` minus one, `hold` and `w_valid` as at the core's ports.
pub(super) fn words(
    m: &mut ModuleBuilder,
    clk: &Clock,
    p: &CoreParams,
    k_tiles: &Expr,
    hold: &Expr,
    w_valid: &Expr,
) -> Words {
    let (rw, kw) = (clog2(p.max_row_tiles.into()), p.tile_bits());
    let state = m.reg_init("state", uint(2), IDLE);
    m.note(&state, "0 idle, 1 wait for tables, 2 fill tables, 3 rows");
    let left = m.reg("left", uint(rw));
    m.note(
        &left,
        "row tiles that come after this one; names the accumulators",
    );
    let row_end = m.reg("row_end", uint(1));
    m.note(&row_end, "none");
    let tile = m.reg("tile", uint(kw));
    m.note(&tile, "K tile whose words are taken or awaited");
    let last_tile = m.delay("last_tile", clk, None, tile.eq(k_tiles));
    let first_tile = m.delay("first_tile", clk, None, tile.is(0));
    let may_take = m.wire("may_take", state.is(ROWS) & !(&last_tile & hold));
    let taken = m.wire("taken", &may_take & w_valid);
    let tile_end = m.wire("tile_end", &taken & &row_end);
    Words {
        state,
        left,
        row_end,
        tile,
        last_tile,
        first_tile,
        may_take,
        taken,
        tile_end,
    }
}

impl Words {
    /// The word that is asked for is the product's last.
    pub fn last(&self) -> Expr {
        &self.last_tile & &self.row_end
    }

    /// Tables are being filled.
    pub fn filling(&self) -> Expr {
        self.state.is(FILL)
    }

    /// Next state: a product begins at `start`, the next tables can be filled when `primed`, and are at `fill_end`.
    pub fn advance(&self, b: &mut Block, start: &Expr, primed: &Expr, fill_end: &Expr) {
        let kw = self.tile.width();
        b.when(start, |b| {
            b.set(&self.state, lit(WAIT, 2));
            b.set(&self.tile, lit(0, kw));
        })
        .elif(self.state.is(WAIT) & primed, |b| {
            b.set(&self.state, lit(FILL, 2));
        })
        .elif(fill_end, |b| {
            b.set(&self.state, lit(ROWS, 2));
        })
        .elif(&self.tile_end, |b| {
            b.set(
                &self.state,
                mux(
                    &self.last_tile,
                    lit(IDLE, 2),
                    mux(primed, lit(FILL, 2), lit(WAIT, 2)),
                ),
            );
            b.set(&self.tile, self.tile.plus(1));
        });
    }

    /// Counts row tiles: `row_tiles` minus one of them after each filling.
    pub fn count_rows(&self, b: &mut Block, filling: &Expr, row_tiles: &Expr) {
        b.when(&self.taken, |b| {
            b.set(&self.left, self.left.minus(1));
            b.set(&self.row_end, self.left.is(1));
        });
        b.when(filling, |b| {
            b.set(&self.left, row_tiles);
            b.set(&self.row_end, row_tiles.is(0));
        });
    }

    /// Drives what goes to the look-ups one cycle after the slot of a word: `take`, and `row`, `first`, `last`, `final_row`.
    pub fn leave(&self, m: &mut ModuleBuilder, clk: &Clock, take: &Expr, of_word: [&Expr; 4]) {
        let take_q = m.reg_init("take_q", uint(1), 0);
        m.clocked(clk, |b| {
            b.set(&take_q, &self.taken);
        });
        m.assign(take, &take_q);
        let values = [
            ("row_q", &self.left),
            ("first_q", &self.first_tile),
            ("last_q", &self.last_tile),
            ("final_row_q", &self.row_end),
        ];
        for (port, (name, value)) in of_word.into_iter().zip(values) {
            let reg = m.delay(name, clk, None, value);
            m.assign(port, reg);
        }
    }
}

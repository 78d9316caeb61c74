// Each module here is true for all inputs, or in all cycles, if the emitted modules do what definition.v says.

`ifdef LOOKUP
// Tables in registers: the entry that a code reads is the sum it stands for.
module miter (input [4:0] code, input [31:0] acts, output ok);
  wire signed [10:0] sum;
  `SUM definition (.code(code), .acts(acts), .sum(sum));
  wire [10 * `ENTRIES - 1:0] entries;
  wire [4:0] slot;
  wire [9:0] term;
  tlmm_register_table made (.acts(acts[8 * `GROUP - 1:0]), .entries(entries));
  tlmm_register_slot decoded (.code(code), .slot(slot));
  tlmm_register_look found (.entries(entries), .slot(slot), .term(term));
  // A negated entry is its complement; the one that is missing is added by the tree.
  wire signed [9:0] value = term + slot[4];
  assign ok = value == sum;
endmodule
`endif

`ifdef SELECT
// Choose and add: x less the product.
module miter (input signed [7:0] x, input [1:0] code, input [7:0] act, output ok);
  wire signed [8:0] product, sum;
  two_bit_product definition (.code(code), .act(act), .product(product));
  tlmm_select_add_8_9 made (.x(x), .code(code), .act(act), .sum(sum));
  wire signed [9:0] want = x - product;
  assign ok = want == sum;
endmodule
`endif

`ifdef WALK
// The walk of the table core from its start, for any activations: what is written at a code is its sum, every code is
// written once, and no word is taken before all are, which is so in cycle LAST.
module miter (input clk, input [31:0] any, output ok);
  reg [5:0] cycle = 0;
  always @(posedge clk) cycle <= cycle + (cycle != 63);
  // Any activations, which stay.
  reg [31:0] acts;
  always @(posedge clk) if (cycle == 0) acts <= any;

  wire fill, w_ready;
  wire [4:0] fill_code;
  wire [3:0] steer;
  wire [`ADDR - 1:0] addr;
  tlmm_sequence order (
    .clk(clk), .rst(cycle == 0), .start(cycle == 1), .act_half(1'b0), .act_tiles(`TILES'd1), .k_tiles(`TILES'd0),
    .row_tiles(4'd0), .hold(1'b0), .w_valid(1'b0), .w_ready(w_ready), .fill(fill), .fill_code(fill_code), .addr(addr),
    .steer(steer));
  // Of all four groups the first one; the memory of activations.
  reg [7:0] act;
  always @(posedge clk) if (steer[0]) act <= acts[8 * addr[1:0] +: 8];
  wire [39:0] entries;
  tlmm_builder builder (
    .clk(clk), .enable(steer[0]), .acts({24'd0, act}), .restart(steer[1]), .subtract(steer[2]), .double(steer[3]),
    .entries(entries));
  reg write = 0;
  reg [4:0] code;
  always @(posedge clk) begin
    write <= fill && cycle != 0;
    code <= fill_code;
  end

  wire signed [10:0] sum;
  `SUM definition (.code(code), .acts(acts), .sum(sum));
  wire signed [9:0] entry = entries[9:0];
  reg [31:0] written = 0;
  always @(posedge clk) if (write) written[code] <= 1;
  wire all = (written | (write << code)) == `CODES;
  // Before the reset has been clocked nothing is known.
  assign ok = (cycle == 0) || (!write || (entry == sum && !written[code])) && (!w_ready || all) && (cycle != `LAST || w_ready);
endmodule
`endif

`ifdef BASE3
// A byte of five weights is sum (weight + 1) 3^j; from 243 on all are zeros.
module miter (input [7:0] value, output ok);
  wire [9:0] trits;
  base3_byte made (.byte_in(value), .trits(trits));
  wire [9:0] sum = trits[1:0] + 3 * trits[3:2] + 9 * trits[5:4] + 27 * trits[7:6] + 81 * trits[9:8];
  wire digits = ~&trits[1:0] & ~&trits[3:2] & ~&trits[5:4] & ~&trits[7:6] & ~&trits[9:8];
  assign ok = value < 243 ? digits && sum == value : trits == 10'b0101010101;
endmodule
`endif

`ifdef TRITS
// Three weights become the index that stands for them: with activations 1, 4 and 16 every sum of weights is another number.
module miter (input [5:0] trits, output ok);
  wire [4:0] index;
  g3_trits_index made (.trits(trits), .index(index));
  wire signed [10:0] sum;
  g3_sum definition (.code(index), .acts(32'h00100401), .sum(sum));
  wire signed [10:0] want = $signed({9'd0, trits[1:0]}) + 4 * trits[3:2] + 16 * trits[5:4] - 21;
  wire digits = ~&trits[1:0] & ~&trits[3:2] & ~&trits[5:4];
  assign ok = !digits || sum == want;
endmodule
`endif

`ifdef WEIGHTS
// An index becomes its weights (two bits, weight + 1): with activations 1, 4, 16 and 64 every sum of weights is another number.
module miter (input [4:0] index, output ok);
  wire [2*`GROUP-1:0] trits;
  `DECODER made (.index(index), .trits(trits));
  wire signed [10:0] sum;
  `SUM definition (.code(index), .acts(32'h40100401), .sum(sum));
  reg signed [10:0] want;
  reg digits;
  integer i;
  always @* begin
    want = 0;
    digits = 1;
    for (i = 0; i < `GROUP; i = i + 1) begin
      want = want + ($signed({1'b0, trits[2*i+:2]}) - 1) * (1 << 2 * i);
      digits = digits & ~&trits[2*i+:2];
    end
  end
  assign ok = digits && sum == want;
endmodule
`endif

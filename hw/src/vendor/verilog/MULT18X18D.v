// Behaviour of the ECP5 multiplier (Lattice TN1267) for simulation, as far as we use it: both operands signed or both unsigned,
// all registers on CLK0. Pins that the parameters select away are left out. Synthesis takes the vendor's own.
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module MULT18X18D #(
  parameter REG_INPUTA_CLK   = "NONE",
  parameter REG_INPUTB_CLK   = "NONE",
  parameter REG_PIPELINE_CLK = "NONE",
  parameter REG_OUTPUT_CLK   = "NONE",
  parameter GSR              = "ENABLED"
) (
  input  wire CLK0, CE0, RST0, SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  input  wire A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input  wire B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  output wire P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17,
              P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  // Texts of different length are compared, which is what is meant.
  /* verilator lint_off WIDTHEXPAND */
  initial
    if (REG_INPUTA_CLK != "CLK0" || REG_INPUTB_CLK != "CLK0" || REG_PIPELINE_CLK != "CLK0" || REG_OUTPUT_CLK != "CLK0"
        || GSR != "DISABLED")
      $error("MULT18X18D: these parameters are not modelled");
  /* verilator lint_on WIDTHEXPAND */

  reg [17:0] a, b;
  reg [35:0] product, out;
  wire signed [35:0] factor_a = {{18{SIGNEDA & a[17]}}, a};
  wire signed [35:0] factor_b = {{18{SIGNEDB & b[17]}}, b};
  always @(posedge CLK0) begin
    if (RST0 || SOURCEA || SOURCEB || SIGNEDA != SIGNEDB) $error("MULT18X18D: this use is not modelled");
    if (CE0) begin
      a <= {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
      b <= {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
      product <= factor_a * factor_b;
      out <= product;
    end
  end
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16,
              P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = out;
endmodule
`default_nettype wire

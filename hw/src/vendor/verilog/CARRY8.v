// Behaviour of CARRY8 (AMD UG574) for simulation, as one chain of eight bits.
// SPDX-License-Identifier: Apache-2.0
`default_nettype none
module CARRY8 #(
  parameter CARRY_TYPE = "SINGLE_CY8"
) (
  input  wire       CI,
  input  wire       CI_TOP,
  input  wire [7:0] DI,
  input  wire [7:0] S,
  output wire [7:0] O,
  output wire [7:0] CO
);
  // Texts of different length are compared, which is what is meant.
  /* verilator lint_off WIDTHEXPAND */
  initial
    if (CARRY_TYPE != "SINGLE_CY8") $error("CARRY8: CARRY_TYPE is not modelled");
  /* verilator lint_on WIDTHEXPAND */
  wire unused_ci_top = CI_TOP;
  wire [8:0] carry;
  assign carry[0] = CI;
  genvar k;
  generate
    for (k = 0; k < 8; k = k + 1) begin : bits
      assign O[k]       = S[k] ^ carry[k];
      assign carry[k+1] = S[k] ? carry[k] : DI[k];
    end
  endgenerate
  assign CO = carry[8:1];
endmodule
`default_nettype wire

// The two functions of a LUT6_2 as cells of their own, each with the inputs that it depends on: in the cell as it is, a
// path from any input to any output would seem to exist.
// SPDX-License-Identifier: Apache-2.0
module LUT6_2 (input I0, I1, I2, I3, I4, I5, output O5, O6);
  parameter [63:0] INIT = 64'd0;
  function [4:0] uses;
    input [31:0] f;
    uses = {(f[31:16] != f[15:0]),
            (((f >> 8) ^ f) & 32'h00ff00ff) != 0,
            (((f >> 4) ^ f) & 32'h0f0f0f0f) != 0,
            (((f >> 2) ^ f) & 32'h33333333) != 0,
            (((f >> 1) ^ f) & 32'h55555555) != 0};
  endfunction
  localparam [4:0] LOW = uses(INIT[31:0]);
  localparam [4:0] HIGH = uses(INIT[63:32]);
  wire [4:0] i = {I4, I3, I2, I1, I0};
  wire [4:0] low = i & LOW, high = i & HIGH;
  LUT5 #(.INIT(INIT[31:0])) low_part (.I0(low[0]), .I1(low[1]), .I2(low[2]), .I3(low[3]), .I4(low[4]), .O(O5));
  LUT5 #(.INIT(INIT[63:32])) high_part (.I0(high[0]), .I1(high[1]), .I2(high[2]), .I3(high[3]), .I4(high[4]), .O(O6));
endmodule

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
  wire low0 = LOW[0] ? I0 : 1'b0, high0 = HIGH[0] ? I0 : 1'b0;
  wire low1 = LOW[1] ? I1 : 1'b0, high1 = HIGH[1] ? I1 : 1'b0;
  wire low2 = LOW[2] ? I2 : 1'b0, high2 = HIGH[2] ? I2 : 1'b0;
  wire low3 = LOW[3] ? I3 : 1'b0, high3 = HIGH[3] ? I3 : 1'b0;
  wire low4 = LOW[4] ? I4 : 1'b0, high4 = HIGH[4] ? I4 : 1'b0;
  LUT5 #(.INIT(INIT[31:0])) low_part (.I0(low0), .I1(low1), .I2(low2), .I3(low3), .I4(low4), .O(O5));
  LUT5 #(.INIT(INIT[63:32])) high_part (.I0(high0), .I1(high1), .I2(high2), .I3(high3), .I4(high4), .O(O6));
endmodule

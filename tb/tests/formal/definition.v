// What codes mean, for proofs. Written from the papers alone: TeLLMe's table of 27 sums and Sherry's STQ1_0 table.

// Sum of a g3 index; 27 to 31 are zeros.
module g3_sum (input [4:0] code, input [31:0] acts, output reg signed [10:0] sum);
  wire signed [10:0] a1 = $signed(acts[7:0]);
  wire signed [10:0] a2 = $signed(acts[15:8]);
  wire signed [10:0] a3 = $signed(acts[23:16]);
  always @*
    case (code)
      1: sum = a1;
      2: sum = a2;
      3: sum = a3;
      4: sum = a1 + a2;
      5: sum = a1 - a2;
      6: sum = a1 + a3;
      7: sum = a1 - a3;
      8: sum = a2 + a3;
      9: sum = a2 - a3;
      10: sum = a1 + a2 + a3;
      11: sum = a1 + a2 - a3;
      12: sum = a1 - a2 + a3;
      13: sum = -a1 + a2 + a3;
      14: sum = -a1;
      15: sum = -a2;
      16: sum = -a3;
      17: sum = -a1 - a2;
      18: sum = a2 - a1;
      19: sum = -a1 - a3;
      20: sum = a3 - a1;
      21: sum = -a2 - a3;
      22: sum = a3 - a2;
      23: sum = -a1 - a2 - a3;
      24: sum = -a1 - a2 + a3;
      25: sum = -a1 + a2 - a3;
      26: sum = a1 - a2 - a3;
      default: sum = 0;
    endcase
endmodule

// Sum of a sherry index: lane code[3:2] is zero, of the others, in order, the first has the sign code[4], the second
// and third that of the first, turned by code[0] and code[1].
module sherry_sum (input [4:0] code, input [31:0] acts, output signed [10:0] sum);
  wire [1:0] zero = code[3:2];
  wire [7:0] n0 = zero == 0 ? acts[15:8] : acts[7:0];
  wire [7:0] n1 = zero <= 1 ? acts[23:16] : acts[15:8];
  wire [7:0] n2 = zero == 3 ? acts[23:16] : acts[31:24];
  wire signed [10:0] first = $signed(n0), second = $signed(n1), third = $signed(n2);
  wire signed [10:0] half = first + (code[0] ? -second : second) + (code[1] ? -third : third);
  assign sum = code[4] ? -half : half;
endmodule

// Weight of a two-bit code (weight + 1, 3 is zero) times an activation.
module two_bit_product (input [1:0] code, input [7:0] act, output reg signed [8:0] product);
  wire signed [8:0] a = $signed(act);
  always @*
    case (code)
      0: product = -a;
      2: product = a;
      default: product = 0;
    endcase
endmodule
